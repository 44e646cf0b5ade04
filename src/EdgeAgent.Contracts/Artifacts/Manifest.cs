using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Artifacts;

/// <summary>What a package holds.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<ArtifactKind>))]
public enum ArtifactKind
{
    Model,
}

/// <summary>
/// What a package is: the signed document from which a device learns everything about a model. Its digest (SHA-256 of
/// its exact bytes) names the package.
/// </summary>
public sealed record Manifest
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required ArtifactKind Kind { get; init; }

    /// <summary>Name of the model: the key under which a device keeps its slots. The pattern of a <see cref="DeviceId"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Rises with every release of the same name.</summary>
    public required long Version { get; init; }

    /// <summary>Name of the student in its family.</summary>
    public required string Student { get; init; }

    /// <summary>Id of the only profile the package may be installed on.</summary>
    public required string Profile { get; init; }

    public required EngineKind Engine { get; init; }

    /// <summary>For example <c>image-classification</c>.</summary>
    public required string Task { get; init; }

    public required Metric Metric { get; init; }

    /// <summary>Latency on the profile as the cost model predicted it, one thread, in microseconds.</summary>
    public double? PredictedUs { get; init; }

    /// <summary>Active power of the profile in watts, so that a device without a sensor can estimate its energy.</summary>
    public double? ActiveW { get; init; }

    /// <summary>From here on the package is refused for new installs; a running model is never stopped by it.</summary>
    public required DateTimeOffset Expires { get; init; }

    public required IReadOnlyList<ManifestTensor> Inputs { get; init; }

    public required IReadOnlyList<ManifestTensor> Outputs { get; init; }

    /// <summary>Class labels in the order of the logits.</summary>
    public IReadOnlyList<string> Labels { get => field ?? []; init; }

    /// <summary>How pixels become the input tensor: an <c>EdgeAgent.Inputs.Preprocessing</c>.</summary>
    public JsonElement? Preprocessing { get; init; }

    public required IReadOnlyList<OperatorCost> Operators { get; init; }

    public required Gates Gates { get; init; }

    public required IReadOnlyList<PackageFile> Files { get; init; }

    /// <summary>The file of a role, or null.</summary>
    public PackageFile? File(string role) => Files.FirstOrDefault(f => f.Role == role);
}

/// <summary>Names of what a file is for. A device pulls only the roles that its engine needs.</summary>
public static class FileRoles
{
    /// <summary>QDQ ONNX; runs anywhere.</summary>
    public const string Onnx = "model.onnx";

    /// <summary>Plan of the int8 engine.</summary>
    public const string Plan = "model.plan";

    /// <summary>Golden inputs: float32 little-endian, samples x elements of the input.</summary>
    public const string GoldenInputs = "golden.inputs";

    /// <summary>Golden outputs: float32 little-endian, samples x classes.</summary>
    public const string GoldenOutputs = "golden.outputs";

    /// <summary>The roles that <paramref name="engine"/> needs on a device.</summary>
    public static IReadOnlyList<string> For(EngineKind engine) =>
        [engine == EngineKind.Int8 ? Plan : Onnx, GoldenInputs, GoldenOutputs];
}

/// <param name="Name">For example <c>top1</c>.</param>
/// <param name="Value">A fraction.</param>
/// <param name="Interval">Wilson 95 % interval: low, high.</param>
/// <param name="Samples">Number of samples it was measured on.</param>
/// <param name="Split">validation or test.</param>
/// <param name="DataSha256">Hash of the data it was measured on.</param>
public sealed record Metric(string Name, double Value, IReadOnlyList<double> Interval, int Samples, string Split, string DataSha256);

/// <param name="Name">Name in the graph.</param>
/// <param name="Type">float32, uint8 or int8.</param>
/// <param name="Shape">-1 for the batch.</param>
/// <param name="Scale">Quantization scale, where the engine quantizes the tensor.</param>
/// <param name="ZeroPoint">Quantization zero point.</param>
public sealed record ManifestTensor(string Name, string Type, IReadOnlyList<int> Shape, float? Scale = null, int? ZeroPoint = null);

/// <summary>What a trial in the inactive slot has to keep to before the switch; null is not checked.</summary>
/// <param name="MaxP95Us">Limit of the 95th percentile of the latency in microseconds.</param>
/// <param name="MaxPeakBytes">Limit of the resident memory that the model adds.</param>
/// <param name="MinGoldenAgreement">Share of golden samples whose class must be reproduced, a fraction.</param>
public sealed record Gates(double? MaxP95Us, long? MaxPeakBytes, double MinGoldenAgreement);

/// <param name="Role">One of <see cref="FileRoles"/>.</param>
/// <param name="Path">Name inside the package: one level, no separators.</param>
/// <param name="Digest">Of the whole file.</param>
/// <param name="Size">In bytes.</param>
/// <param name="ChunkBytes">Size of all chunks but the last.</param>
/// <param name="Chunks">Digest of every chunk, in order.</param>
public sealed record PackageFile(string Role, string Path, Sha256Digest Digest, long Size, int ChunkBytes, IReadOnlyList<Sha256Digest> Chunks);
