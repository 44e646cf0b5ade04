using System.Text.Json;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Names as they stand in documents, for tables.</summary>
internal static class Words
{
    /// <summary><c>RolledBack</c> as <c>rolled-back</c>.</summary>
    public static string Kebab<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
