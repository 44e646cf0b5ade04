using System.Text.Json.Serialization;

namespace EdgeAgent.Cli.CommandLine;

// The documents that --json writes: a contract, held to by the system tests. Units are in the names, shares are
// fractions, and members are only ever added.

/// <param name="Schema">Version of the document's form.</param>
/// <param name="Format">File format of the model: onnx, tflite, kerashdf5, keraszip, savedmodel, frozengraph or plan.</param>
/// <param name="Operators">Most frequent first.</param>
/// <param name="Parameters">Number of weights.</param>
/// <param name="Macs">Multiply-accumulates of one inference.</param>
/// <param name="Inputs">-1 stands for the batch.</param>
/// <param name="Outputs">-1 stands for the batch.</param>
/// <param name="ModelBytes">Size of the file.</param>
/// <param name="ActivationBytes">What values between operators need at once at batch 1; of a plan, what the engine allocates for them.</param>
/// <param name="Quantization">Absent where the model is in float32.</param>
/// <param name="Layers">The operators one by one, in the order of execution.</param>
internal sealed record InspectDocument(
    int Schema,
    string Format,
    IReadOnlyList<OperatorCount> Operators,
    long Parameters,
    long Macs,
    IReadOnlyList<ValueDocument> Inputs,
    IReadOnlyList<ValueDocument> Outputs,
    long ModelBytes,
    long ActivationBytes,
    QuantizationDocument? Quantization,
    IReadOnlyList<LayerDocument> Layers);

/// <param name="Activations">int8 or uint8.</param>
/// <param name="Weights">Mostly int8.</param>
/// <param name="PerChannel">Whether weights have a scale for each output channel.</param>
/// <param name="QuantizedLayers">Convolutions and products on integers.</param>
/// <param name="Layers">All convolutions and products.</param>
internal sealed record QuantizationDocument(string Activations, string Weights, bool PerChannel, int QuantizedLayers, int Layers);

/// <param name="Shape">Of the result; -1 stands for the batch.</param>
/// <param name="Parameters">Number of weights; of a plan, their bytes.</param>
/// <param name="Macs">Multiply-accumulates of one inference.</param>
internal sealed record LayerDocument(string Name, string Type, IReadOnlyList<int> Shape, long Parameters, long Macs);

internal sealed record OperatorCount(string Type, int Count);

internal sealed record ValueDocument(string Name, string Type, IReadOnlyList<int> Shape);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="Engine">What computed: interpreter, onnxruntime or int8.</param>
/// <param name="Samples">Images that were classified.</param>
/// <param name="Top1">Fraction whose class came first.</param>
/// <param name="Top3">Fraction whose class was among the first three.</param>
/// <param name="Interval">Wilson 95 % interval of <paramref name="Top1"/>: low, high.</param>
/// <param name="DataSha256">Hash over names and contents of the data set.</param>
/// <param name="Skipped">Images that did not decode; they count neither as right nor as wrong.</param>
internal sealed record EvalDocument(
    int Schema,
    string Engine,
    int Samples,
    double Top1,
    double Top3,
    IReadOnlyList<double> Interval,
    string DataSha256,
    IReadOnlyList<SkippedImage> Skipped);

internal sealed record SkippedImage(string Name, string Reason);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="FloatBytes">Size of the model that was quantized.</param>
/// <param name="Bytes">Size of the written file.</param>
/// <param name="Images">Images that the ranges of activations come from.</param>
/// <param name="Generated">Whether they were generated, for want of real ones.</param>
/// <param name="Ways">What was tried, best first: the first was written.</param>
internal sealed record QuantizeDocument(
    int Schema,
    string Path,
    long FloatBytes,
    long Bytes,
    double TimesSmaller,
    int Images,
    bool Generated,
    IReadOnlyList<QuantizationWay> Ways);

/// <param name="SignalToNoiseDb">Of the model's outputs over the images.</param>
internal sealed record QuantizationWay(string Name, double SignalToNoiseDb);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="Engine">int8 or onnxruntime.</param>
/// <param name="Threads">Threads of the engine.</param>
/// <param name="KernelSet">Kernels that the int8 engine dispatched to; null for others.</param>
/// <param name="Samples">Inferences that were timed.</param>
/// <param name="MinUs">Fastest.</param>
/// <param name="P50Us">Median.</param>
/// <param name="P90Us">90th percentile.</param>
/// <param name="P95Us">95th percentile.</param>
/// <param name="P99Us">99th percentile.</param>
/// <param name="IntervalUs">95 % interval of the median: low, high.</param>
/// <param name="ColdStartUs">From loading the file to the first result.</param>
/// <param name="PeakBytes">Resident memory that loading and running added.</param>
/// <param name="Valid">False when something disturbed the measurement.</param>
/// <param name="Reasons">What disturbed it.</param>
/// <param name="Against">The same of the other model, with <c>--against</c>.</param>
/// <param name="RatioP50">Median of the other model / of this one.</param>
/// <param name="PValue">Two-sided Mann-Whitney test of the interleaved runs.</param>
internal sealed record BenchDocument(
    int Schema,
    string Engine,
    int Threads,
    string? KernelSet,
    int Samples,
    double MinUs,
    double P50Us,
    double P90Us,
    double P95Us,
    double P99Us,
    IReadOnlyList<double> IntervalUs,
    double ColdStartUs,
    long PeakBytes,
    bool Valid,
    IReadOnlyList<string> Reasons,
    BenchDocument? Against = null,
    double? RatioP50 = null,
    double? PValue = null);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="KernelSet">Kernels of the int8 engine.</param>
/// <param name="Runs">Runs that the medians are over.</param>
/// <param name="PeakGigaMacs">What this core was measured to do at most, in 10^9 int8 multiply-accumulates a second.</param>
/// <param name="TotalUs">Sum over the operators.</param>
/// <param name="Macs">Sum over the operators.</param>
/// <param name="ArenaBytes">Activations that the engine holds.</param>
/// <param name="LargestLiveSetBytes">The least that any arena would need.</param>
/// <param name="Operators">In the order of execution.</param>
/// <param name="Valid">False when something disturbed the measurement.</param>
/// <param name="Reasons">What disturbed it.</param>
internal sealed record OperatorsDocument(
    int Schema,
    string KernelSet,
    int Runs,
    double PeakGigaMacs,
    double TotalUs,
    long Macs,
    long ArenaBytes,
    long LargestLiveSetBytes,
    IReadOnlyList<OperatorDocument> Operators,
    bool Valid,
    IReadOnlyList<string> Reasons);

/// <param name="Name">Name in the plan.</param>
/// <param name="Type">For example Conv or DepthwiseConv.</param>
/// <param name="Inputs">Height, width and channels of each.</param>
/// <param name="Output">Height, width and channels.</param>
/// <param name="Kernel">Window and stride, for example 3x3/1; null where there is none.</param>
/// <param name="P50Us">Median time on one thread.</param>
/// <param name="Macs">Multiply-accumulates.</param>
/// <param name="GigaMacsPerSecond">10^9 multiply-accumulates a second.</param>
/// <param name="ShareOfPeak">That over the peak, as a fraction.</param>
/// <param name="WeightBytes">Constants read.</param>
/// <param name="ActivationBytes">Activations read and written, each once.</param>
/// <param name="GBps">All bytes in 10^9 a second.</param>
internal sealed record OperatorDocument(
    string Name,
    string Type,
    IReadOnlyList<IReadOnlyList<int>> Inputs,
    IReadOnlyList<int> Output,
    string? Kernel,
    double P50Us,
    long Macs,
    double GigaMacsPerSecond,
    double ShareOfPeak,
    long WeightBytes,
    long ActivationBytes,
    double GBps);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="KernelSet">Kernels of the int8 engine whose instructions were measured.</param>
/// <param name="Int8GigaMacs">Peak of one core in 10^9 int8 multiply-accumulates a second.</param>
/// <param name="Float32GigaMacs">The same in float32.</param>
/// <param name="Reads">By the size of what is read again and again.</param>
/// <param name="CopyGBps">memcpy in memory, 10^9 bytes copied a second.</param>
/// <param name="FillGBps">memset in memory.</param>
/// <param name="Valid">False when something disturbed the measurement.</param>
/// <param name="Reasons">What disturbed it.</param>
internal sealed record RooflineDocument(
    int Schema,
    string KernelSet,
    double Int8GigaMacs,
    double Float32GigaMacs,
    IReadOnlyList<ReadRateDocument> Reads,
    double CopyGBps,
    double FillGBps,
    bool Valid,
    IReadOnlyList<string> Reasons);

internal sealed record ReadRateDocument(long Bytes, double GBps);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(InspectDocument))]
[JsonSerializable(typeof(EvalDocument))]
[JsonSerializable(typeof(QuantizeDocument))]
[JsonSerializable(typeof(BenchDocument))]
[JsonSerializable(typeof(OperatorsDocument))]
[JsonSerializable(typeof(RooflineDocument))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>Version of all documents so far.</summary>
    public const int Schema = 1;
}
