using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

/// <summary>Builds small graphs with random weights, a node at a time.</summary>
internal sealed class TestGraph(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<ValueSpec> _inputs = [];
    private readonly List<ValueSpec> _outputs = [];
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, Tensor> _constants = [];

    public string Input(params int[] shape)
    {
        _inputs.Add(new($"x{_inputs.Count}", ElementType.Float32, [-1, .. shape]));
        return _inputs[^1].Name;
    }

    public string Constant(Tensor tensor)
    {
        var name = $"constant{_constants.Count}";
        _constants[name] = tensor;
        return name;
    }

    /// <summary>Uniform in +-<paramref name="range"/>.</summary>
    public string Weights(float range, params int[] shape) => Constant(Random(range, shape));

    public Tensor Random(float range, params int[] shape)
    {
        var values = new float[shape.Aggregate(1, (a, d) => a * d)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (_random.NextSingle() * 2 - 1) * range;
        return Tensor.Of(values, shape);
    }

    public string Node(Operator op, params string[] inputs)
    {
        _nodes.Add(new($"{op.Type}_{_nodes.Count}", op, inputs, [$"value{_nodes.Count}"]));
        return _nodes[^1].Output;
    }

    /// <summary>A convolution with weights of He's scale and a small bias.</summary>
    public string Conv(string x, int channels, int outputs, int kernel = 3, int stride = 1, int groups = 1, bool bias = true)
    {
        var fan = channels / groups * kernel * kernel;
        var weights = Weights(MathF.Sqrt(6f / fan), outputs, channels / groups, kernel, kernel);
        var op = new Conv(Window.Of(kernel, stride, kernel / 2), groups);
        return bias ? Node(op, x, weights, Weights(0.1f, outputs)) : Node(op, x, weights);
    }

    public string BatchNorm(string x, int channels)
    {
        var variance = Random(1, channels);
        for (var i = 0; i < channels; i++)
            variance.Floats[i] = MathF.Abs(variance.Floats[i]) + 0.1f;
        return Node(new BatchNormalization(1e-5f), x, Weights(1, channels), Weights(1, channels), Weights(1, channels), Constant(variance));
    }

    public string Dense(string x, int inputs, int outputs) =>
        Node(new Gemm(1, 1, false, true), x, Weights(MathF.Sqrt(3f / inputs), outputs, inputs), Weights(0.1f, outputs));

    public GraphSpec Build(params string[] outputs)
    {
        var graph = new GraphSpec("test", _inputs, [.. outputs.Select(o => new ValueSpec(o, ElementType.Float32, []))], _nodes, _constants);
        var shapes = ShapeInference.Infer(graph.Verify(), -1);
        return graph with { Outputs = [.. outputs.Select(o => shapes[o])] };
    }

    /// <summary>Random inputs for <paramref name="graph"/> in +-<paramref name="range"/>.</summary>
    public static Dictionary<string, Tensor> Inputs(GraphSpec graph, int batch, float range = 2, int seed = 7)
    {
        var source = new TestGraph(seed);
        return graph.Inputs.ToDictionary(i => i.Name, i => source.Random(range, Array.ConvertAll(i.Shape, d => d < 0 ? batch : d)));
    }
}
