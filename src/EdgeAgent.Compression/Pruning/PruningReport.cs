using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeAgent.Compression.Reporting;

namespace EdgeAgent.Compression.Pruning;

/// <summary>Result of a pruning run: <c>prune.json</c>, and the document of <c>edgectl prune --json</c>. Accuracies are fractions.</summary>
public sealed record PruningReport
{
    public int Schema { get; init; } = 1;

    public required PrunedModel Teacher { get; init; }

    /// <summary>The file written.</summary>
    public required PrunedModel Pruned { get; init; }

    /// <summary>test or validation: what the two accuracies above were measured on.</summary>
    public required string Split { get; init; }

    public required IReadOnlyList<PruningRound> Rounds { get; init; }

    /// <summary>Null without <c>--sparsity</c>.</summary>
    public SparsityReport? Sparsity { get; init; }

    public required string Model { get; init; }

    public required string DataSha256 { get; init; }

    public string? TestSha256 { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Time used, over interruptions.</summary>
    public required double Seconds { get; init; }

    public required IReadOnlyList<PassReport> Passes { get; init; }

    public required RunDescription Run { get; init; }

    /// <summary>The written model against the teacher, on the images of <see cref="Split"/>.</summary>
    public required ModelComparison Comparison { get; init; }

    /// <summary>Accuracy of the teacher on held-out images.</summary>
    public required double TeacherValidationTop1 { get; init; }

    /// <summary>Images that did not decode, by name and fault.</summary>
    public IReadOnlyList<string> SkippedImages { get; init; } = [];

    public IReadOnlyList<string> Warnings { get; init; } = [];

    public string ToJson() => JsonSerializer.Serialize(this, PruningJson.Default.PruningReport);
}

/// <param name="P50Us">Median latency in ONNX Runtime on this machine, float32, one thread, one image.</param>
public sealed record PrunedModel(double Top1, IReadOnlyList<double> Interval, int Samples, long Parameters, long Macs, long Bytes, double P50Us);

/// <summary>One round; accuracies on the held-out images.</summary>
/// <param name="PrunedTop1">As cut, with the batch-norm statistics of the wide model.</param>
/// <param name="ReestimatedTop1">After the batch-norm statistics were measured anew.</param>
/// <param name="RecoveredTop1">After training with the teacher's answers.</param>
/// <param name="Channels">For each group its name, the channels it had and those it keeps.</param>
public sealed record PruningRound(long Parameters, long Macs, double PrunedTop1, double ReestimatedTop1, double RecoveredTop1, double Epochs, IReadOnlyList<PrunedChannels> Channels);

public sealed record PrunedChannels(string Group, int Before, int Kept);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(PruningReport))]
internal sealed partial class PruningJson : JsonSerializerContext;
