using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;

namespace EdgeAgent.Cli.Demo;

/// <param name="Schema">Version of the document's form.</param>
/// <param name="Teacher">What was compressed.</param>
/// <param name="Students">The family, for every profile.</param>
/// <param name="Devices">What each device runs and measured.</param>
/// <param name="Rollout">How the family reached them.</param>
/// <param name="Seconds">Time that the demo took.</param>
internal sealed record DemoDocument(
    int Schema,
    DemoTeacherDocument Teacher,
    IReadOnlyList<DemoStudent> Students,
    IReadOnlyList<DemoDeviceDocument> Devices,
    DemoRolloutDocument Rollout,
    double Seconds);

/// <param name="Top1">Fraction, on the test images.</param>
/// <param name="Interval">Wilson 95 %.</param>
/// <param name="ModelBytes">Size of the ONNX file.</param>
/// <param name="P50Us">In ONNX Runtime in float32 on this machine, one thread.</param>
/// <param name="Classes">Number of classes, so that chance is 1 / this.</param>
internal sealed record DemoTeacherDocument(double Top1, IReadOnlyList<double> Interval, long ModelBytes, double P50Us, int Classes);

internal sealed record DemoStudent(
    string Name, string Profile, double Top1, IReadOnlyList<double> Interval, double RelativeTop1,
    long OnnxBytes, long PlanBytes, double TimesSmaller, long Macs, double PredictedUs);

/// <param name="Id">Name in the fleet.</param>
/// <param name="Profile">What kind of machine it is.</param>
/// <param name="Threads">Threads of an inference.</param>
/// <param name="KernelSet">Kernels that the device says it dispatched to.</param>
/// <param name="Student">What it runs.</param>
/// <param name="Reason">Why its profile got that student.</param>
/// <param name="P50Us">Measured by the device.</param>
/// <param name="P95Us">Measured by the device.</param>
/// <param name="EnergyMj">Of one inference.</param>
/// <param name="EnergySource">measured or estimated.</param>
/// <param name="Phase">serving, or trial where the later measurement is not there.</param>
/// <param name="Valid">False when something disturbed the measurement.</param>
/// <param name="State">Of its deployment.</param>
internal sealed record DemoDeviceDocument(
    string Id, string Profile, int Threads, string KernelSet, string? Student, string? Reason,
    double? P50Us, double? P95Us, double? EnergyMj, EnergySource? EnergySource, BenchmarkPhase? Phase, bool? Valid, DeploymentState State);

internal sealed record DemoRolloutDocument(IReadOnlyList<DemoWave> Waves, RolloutState State, string? Reason);

internal sealed record DemoWave(double Share, WaveState State, IReadOnlyList<string> Devices);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DemoDocument))]
internal sealed partial class DemoJson : JsonSerializerContext;
