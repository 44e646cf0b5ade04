using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.Engines;

/// <summary>What <c>--preprocessing</c> gives.</summary>
internal static class ModelPreprocessing
{
    /// <param name="given">A JSON document, or the path of one; null where the option is not there.</param>
    public static PreprocessingDocument? Read(string? given) => given is null ? null : PreprocessingDocument.FromJson(given.TrimStart().StartsWith('{') ? given : ReadFile(given));

    private static string ReadFile(string path) => File.Exists(path)
        ? File.ReadAllText(path)
        : throw new CommandException($"{path}: no such file; --preprocessing takes a JSON object or the path of one");
}
