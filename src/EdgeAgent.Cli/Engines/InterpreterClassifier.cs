using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Cli.Engines;

/// <summary>The graph's own float32 interpreter: the reference, without any native library.</summary>
internal sealed class InterpreterClassifier : IClassifier
{
    private const int Batch = 32;

    private readonly GraphInterpreter _interpreter;
    private readonly ValueSpec _input;
    private readonly string _output;

    public InterpreterClassifier(string path, int threads, int[] sizes)
    {
        // A file of integers from end to end says itself which numbers they stand for.
        var graph = FloatInterface.OfNumbers(ModelImporter.Load(path, sizes));
        if (graph.Inputs.Count != 1 || graph.Outputs.Count != 1)
            throw new CommandException($"{path}: has {graph.Inputs.Count} inputs and {graph.Outputs.Count} outputs; a classifier has one of each");
        _input = graph.Inputs[0];
        _output = graph.Outputs[0].Name;
        Metadata = graph.Metadata;
        if (_input.Type != ElementType.Float32)
            throw new CommandException($"{path}: input '{_input.Name}' is {_input.Type}; float32 is supported");
        MaxBatch = _input.Shape[0] < 0 ? Batch : 1;
        Classes = ShapeInference.Infer(graph, 1)[_output].Shape.Skip(1).Aggregate(1, (a, b) => a * b);
        _interpreter = new GraphInterpreter(graph, threads);
    }

    public string Engine => Classifiers.Interpreter;

    public string? KernelSet => null;

    public IReadOnlyList<int> InputShape => _input.Shape;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    public int Classes { get; }

    public int MaxBatch { get; }

    public void Run(float[] inputs, int count, Span<float> logits)
    {
        int[] shape = [count, .. _input.Shape.Skip(1)];
        var values = inputs.AsSpan(0, shape.Aggregate(1, (a, b) => a * b)).ToArray();
        var outputs = _interpreter.Run(new Dictionary<string, Tensor> { [_input.Name] = Tensor.Of(values, shape) });
        outputs[_output].Floats.CopyTo(logits);
    }

    public void Dispose()
    {
    }
}
