using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Compression.Packaging;
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

    public OnnxRuntimeClassifier(string path, int threads, int[] sizes)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        OnnxModel.AskForExactKernels(options);
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
            (_inputNames, InputShape) = Only(path, "input", _session.InputMetadata, (name, value) => Sized(path, name, value, sizes));
            (_outputNames, _outputShape) = Only(path, "output", _session.OutputMetadata, (_, value) => IsFixed(value.Dimensions) ? value.Dimensions : Observed());
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

    public IReadOnlyDictionary<string, string> Metadata => _session.ModelMetadata.CustomMetadataMap;

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

    private static (string[] Names, int[] Shape) Only(string path, string what, IReadOnlyDictionary<string, NodeMetadata> all, Func<string, NodeMetadata, int[]> shapeOf)
    {
        if (all.Count != 1)
            throw new CommandException($"{path}: has {all.Count} {what}s; a classifier has one");
        var (name, value) = all.Single();
        if (value.ElementDataType != TensorElementType.Float)
            throw new CommandException($"{path}: {what} '{name}' is {value.ElementDataType}; float32 is supported: --engine interpreter computes all floats in it, and 'edgectl convert' writes it");
        var shape = shapeOf(name, value);
        return IsFixed(shape) ? ([name], shape) : throw new CommandException($"{path}: {what} '{name}' has shape {Units.Shape(shape)}; all but the batch must be fixed, or stated with --size");
    }

    private static bool IsFixed(int[] shape) => shape.Length > 1 && shape.Skip(1).All(d => d >= 1);

    /// <summary>The input's shape with the sizes that the user states for its open axes; axes of one name have one size.</summary>
    private static int[] Sized(string path, string input, NodeMetadata value, int[] sizes)
    {
        int[] shape = [.. value.Dimensions];
        int[] open = [.. Enumerable.Range(1, Math.Max(0, shape.Length - 1)).Where(axis => shape[axis] < 1)];
        if (sizes.Length == 0)
            return shape;
        if (open.Length == 0)
            throw new CommandException($"{path}: leaves no size open but the batch; leave --size away");
        var names = value.SymbolicDimensions;
        string[] distinct = [.. open.Select(axis => names[axis].Length > 0 ? names[axis] : $"axis {axis}").Distinct()];
        if (sizes.Length != 1 && sizes.Length != distinct.Length)
            throw new CommandException($"{path}: input '{input}' leaves {distinct.Length} sizes open ({string.Join(", ", distinct)}); --size states {sizes.Length}");
        foreach (var axis in open)
            shape[axis] = sizes[sizes.Length == 1 ? 0 : Array.IndexOf(distinct, names[axis].Length > 0 ? names[axis] : $"axis {axis}")];
        return shape;
    }

    /// <summary>The shape that the only output has for one sample, where the file does not state it.</summary>
    private int[] Observed()
    {
        var shape = OfBatch(InputShape, 1);
        using var input = OrtValue.CreateTensorValueFromMemory(new float[shape.Aggregate(1L, (a, b) => a * b)], shape);
        using var outputs = _session.Run(_run, _inputNames, [input], [.. _session.OutputMetadata.Keys]);
        return Array.ConvertAll(outputs[0].GetTensorTypeAndShape().Shape, d => (int)d);
    }
}
