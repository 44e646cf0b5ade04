using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Graph.Import;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EdgeAgent.Cli.Engines;

/// <summary>ONNX Runtime on the CPU.</summary>
internal sealed class OnnxRuntimeClassifier : IClassifier
{
    private const int Batch = 64;

    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;
    private readonly int[] _outputShape;
    private (float[] Input, int Count, float[] Output, OrtValue In, OrtValue Out)? _bound;

    public OnnxRuntimeClassifier(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        // x86 without VNNI adds pairs of u8 x s8 products in 16 bits, which saturates; this asks for exact kernels.
        options.AddSessionConfigEntry("session.x64quantprecision", "1");
        // Spinning threads would disturb whatever else is measured on the machine.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", threads > 1 ? "1" : "0");
        try
        {
            _session = new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException fault)
        {
            throw new CommandException($"{path}: ONNX Runtime cannot load it: {Faults.OneLine(fault.Message)} Check the file with 'edgectl inspect'.", fault);
        }
        try
        {
            (_inputNames, InputShape) = Only(path, "input", _session.InputMetadata);
            (_outputNames, _outputShape) = Only(path, "output", _session.OutputMetadata);
            Classes = _outputShape.Skip(1).Aggregate(1, (a, b) => a * b);
            MaxBatch = InputShape[0] == 1 ? 1 : Batch;
        }
        catch
        {
            _session.Dispose();
            throw;
        }
    }

    public string Engine => "onnxruntime";

    public string? KernelSet => null;

    public IReadOnlyList<int> InputShape { get; }

    public int Classes { get; }

    public int MaxBatch { get; }

    public void Run(float[] inputs, int count, Span<float> logits)
    {
        var bound = Bind(inputs, count);
        _session.Run(_run, _inputNames, [bound.In], _outputNames, [bound.Out]);
        bound.Output.CopyTo(logits);
    }

    public void Dispose()
    {
        Release();
        _run.Dispose();
        _session.Dispose();
    }

    /// <summary>Wraps the caller's array once and again only when another one comes: a timed run allocates nothing.</summary>
    private (float[] Input, int Count, float[] Output, OrtValue In, OrtValue Out) Bind(float[] inputs, int count)
    {
        if (_bound is { } same && same.Input == inputs && same.Count == count)
            return same;
        Release();
        var shape = OfBatch(InputShape, count);
        var length = (int)shape.Aggregate(1L, (a, b) => a * b);
        var output = new float[count * Classes];
        var fresh = (inputs, count, output,
            OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, inputs.AsMemory(0, length), shape),
            OrtValue.CreateTensorValueFromMemory(output, OfBatch(_outputShape, count)));
        _bound = fresh;
        return fresh;
    }

    private static long[] OfBatch(IReadOnlyList<int> shape, int count) => [.. shape.Select((d, i) => i == 0 ? (long)count : d)];

    private void Release()
    {
        _bound?.In.Dispose();
        _bound?.Out.Dispose();
        _bound = null;
    }

    private static (string[] Names, int[] Shape) Only(string path, string what, IReadOnlyDictionary<string, NodeMetadata> all)
    {
        if (all.Count != 1)
            throw new CommandException($"{path}: has {all.Count} {what}s; a classifier has one");
        var (name, value) = all.Single();
        if (value.ElementDataType != TensorElementType.Float)
            throw new CommandException($"{path}: {what} '{name}' is {value.ElementDataType}; float32 is supported");
        var shape = value.Dimensions;
        if (shape.Length < 2 || shape.Skip(1).Any(d => d < 1))
            throw new CommandException($"{path}: {what} '{name}' has shape {Units.Shape(shape)}; all but the batch must be fixed");
        return ([name], shape);
    }
}
