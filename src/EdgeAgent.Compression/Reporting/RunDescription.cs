using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using EdgeAgent.Compression.Runtime;

namespace EdgeAgent.Compression.Reporting;

/// <summary>What was asked, and on which machine it ran.</summary>
/// <param name="Command">The command that asks for the same run.</param>
/// <param name="Options">Its options and their values.</param>
/// <param name="Finished">When the report was written, UTC.</param>
/// <param name="Version">Of this program.</param>
/// <param name="Processors">That the process may use.</param>
/// <param name="Threads">That trained.</param>
/// <param name="Arithmetic">Number format of the convolutions in joint training.</param>
public sealed record RunDescription(
    string Command, IReadOnlyList<RunOption> Options, DateTimeOffset Finished, string Version, string Architecture, int Processors, int Threads, string Arithmetic)
{
    /// <summary>The teacher's file or folder, without its path.</summary>
    [JsonIgnore]
    public string ModelName => Path.GetFileName(Options.FirstOrDefault(o => o.Name == "--model")?.Value.TrimEnd('/') ?? "model");

    public static RunDescription Of(TrainingOptions options, TimeProvider time) => new(
        options.CommandLine, [.. options.Arguments.Select(a => new RunOption(a.Name, a.Value ?? ""))], time.GetUtcNow(),
        typeof(RunDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
        RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(), Environment.ProcessorCount, options.ThreadCount, TorchRuntime.HasBfloat16 ? "bfloat16" : "float32");
}

public sealed record RunOption(string Name, string Value);
