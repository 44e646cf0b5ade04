using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Devices;

/// <summary>How activations are quantized for a board's kernels.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<ActivationFormat>))]
public enum ActivationFormat
{
    /// <summary>[0, 255] with a zero point: x86.</summary>
    U8,

    /// <summary>The same numbers minus 128: Arm.</summary>
    S8,

    /// <summary>[-127, 127], zero point 0: TensorRT.</summary>
    Symmetric,
}

/// <summary>Which runtime executes a model on the device.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<EngineKind>))]
public enum EngineKind
{
    /// <summary>EdgeAgent.Int8 with <c>model.plan</c>.</summary>
    Int8,

    /// <summary>ONNX Runtime with <c>model.onnx</c>.</summary>
    Onnxruntime,
}

/// <summary>A kind of board: what compression, the cost model and the agent have to know of it. One file in firmware-profiles/.</summary>
public sealed record DeviceProfile
{
    /// <summary>Name of the profile, for example <c>raspberry-pi-4</c>; the pattern of a <see cref="DeviceId"/>.</summary>
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required ProfileCpu Cpu { get; init; }

    public required ProfileMemory Memory { get; init; }

    public required ProfilePower Power { get; init; }

    public required ProfileInt8 Int8 { get; init; }

    public ProfileBudgets Budgets { get; init; } = new();

    /// <summary>Published latencies of known networks on this board, the anchor of the cost model's starting values.</summary>
    public IReadOnlyList<PublishedLatency> Published { get; init; } = [];
}

/// <param name="Core">Name of the core, for example <c>Cortex-A72</c>.</param>
/// <param name="Architecture"><c>arm64</c> or <c>x64</c>.</param>
/// <param name="Isa">Instruction set extensions that kernels can use: neon, dotprod, fp16, sse4.1, avx2, avx-vnni, avx512-vnni.</param>
/// <param name="Cores">Number of cores.</param>
/// <param name="ClockGhz">Sustained clock of all cores.</param>
/// <param name="Int8MacsPerCycle">Peak int8 multiply-accumulates per cycle and core.</param>
/// <param name="Float32MacsPerCycle">Peak float32 multiply-accumulates per cycle and core.</param>
/// <param name="CacheBytes">Sizes of the cache levels that matter to one core, L1 data first.</param>
public sealed record ProfileCpu(
    string Core,
    string Architecture,
    IReadOnlyList<string> Isa,
    Figure Cores,
    Figure ClockGhz,
    Figure Int8MacsPerCycle,
    Figure Float32MacsPerCycle,
    IReadOnlyList<Figure> CacheBytes);

/// <param name="Bytes">Installed memory of the smallest variant.</param>
/// <param name="CopyGBps">memcpy rate in 10^9 bytes a second.</param>
/// <param name="FillGBps">memset rate in 10^9 bytes a second.</param>
public sealed record ProfileMemory(Figure Bytes, Figure CopyGBps, Figure FillGBps);

/// <param name="IdleW">Idle power in watts.</param>
/// <param name="ActiveW">Power with all cores busy, in watts.</param>
/// <param name="Sensor">external-ina, pmic, ina3221, rapl or none.</param>
public sealed record ProfilePower(Figure IdleW, Figure ActiveW, string Sensor);

/// <param name="Engine">Engine that students of this profile run on.</param>
/// <param name="Activations">Activation format of the quantized model.</param>
/// <param name="ChannelMultiple">Channel counts are rounded to a multiple of this.</param>
/// <param name="Accelerator">Accelerator the format is meant for, or none; a format for an accelerator that cannot be run here is labelled <c>format only, not executed</c>.</param>
public sealed record ProfileInt8(EngineKind Engine, ActivationFormat Activations, int ChannelMultiple, string Accelerator);

/// <summary>Default budgets of a board; null means no limit. Options of the command line override them.</summary>
/// <param name="MinAccuracy">A fraction. A matter of the model and not of the board: only options have it. With it the fastest student that reaches it is wanted, not the most accurate.</param>
public sealed record ProfileBudgets(double? MaxLatencyMs = null, long? MaxModelBytes = null, double? MaxEnergyMj = null, double? MinAccuracy = null)
{
    /// <summary>These where set, else the given ones.</summary>
    public ProfileBudgets Over(ProfileBudgets standard) =>
        new(MaxLatencyMs ?? standard.MaxLatencyMs, MaxModelBytes ?? standard.MaxModelBytes, MaxEnergyMj ?? standard.MaxEnergyMj, MinAccuracy ?? standard.MinAccuracy);
}

/// <param name="Network">For example <c>mobilenet-v1-1.0-224</c>.</param>
/// <param name="Precision">float32 or int8.</param>
/// <param name="Threads">Number of threads.</param>
/// <param name="Ms">Latency in milliseconds.</param>
/// <param name="From">Who published it.</param>
public sealed record PublishedLatency(string Network, string Precision, int Threads, double Ms, string From);
