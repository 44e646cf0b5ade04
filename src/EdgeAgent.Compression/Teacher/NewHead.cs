using EdgeAgent.Compression.Data;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Puts a new, untrained last layer on a classifier, for other classes than it was trained for.</summary>
public static class NewHead
{
    private const ulong Stream = 0x4EAD;

    /// <param name="graph">Ends at its logits, see <see cref="ClassifierHead"/>.</param>
    /// <returns>The graph, and the constants of the new layer.</returns>
    /// <exception cref="InputException">The last layer is neither dense nor a convolution.</exception>
    public static (GraphSpec Graph, IReadOnlySet<string> Constants) Apply(GraphSpec graph, int classes, ulong seed)
    {
        var producers = graph.Nodes.ToDictionary(n => n.Output);
        var replaced = new Dictionary<string, Node>();
        var value = graph.Outputs[0].Name;
        Node? layer = null;
        string? addedBias = null;
        while (layer is null)
        {
            var node = producers.GetValueOrDefault(value);
            switch (node?.Op)
            {
                case Conv { Groups: 1 } or Gemm or MatMul when graph.Constants.ContainsKey(node.Inputs[1]):
                    layer = node;
                    break;
                // The bias of a dense layer that is written as two nodes.
                case Add when addedBias is null && node.Inputs.SingleOrDefault(graph.Constants.ContainsKey) is { } bias && graph.Constants[bias].Shape.Length == 1:
                    addedBias = bias;
                    value = node.Inputs.Single(i => i != bias);
                    break;
                case Reshape:
                    // It may name the number of classes.
                    replaced[node.Output] = node with { Op = new Flatten(1) };
                    value = node.Inputs[0];
                    break;
                case Flatten or Identity or Relu or GlobalAveragePool:
                    value = node.Inputs[0];
                    break;
                default:
                    throw new InputException($"model {graph.Name}: ends in {(node is null ? "no operator" : $"node '{node.Name}' ({node.Op.Type})")}; --transfer replaces a last layer that is dense or a convolution");
            }
        }

        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var weight = graph.Constants[layer.Inputs[1]];
        var classAxis = layer.Op is Conv or Gemm { TransposeB: true } ? 0 : weight.Shape.Length - 1;
        int[] shape = [.. weight.Shape.Select((size, axis) => axis == classAxis ? classes : size)];
        var added = new HashSet<string>();
        var newWeight = Added("head_weight", Random(shape, classes, seed));
        string? newBias = addedBias is not null || layer.Inputs.Count > 2 && layer.Inputs[2].Length > 0 ? Added("head_bias", Tensor.Of(new float[classes], classes)) : null;
        replaced[layer.Output] = layer with { Inputs = [layer.Inputs[0], newWeight, .. layer.Inputs.Skip(2).Where(i => i.Length > 0).Take(1).Select(_ => newBias!)] };
        if (addedBias is not null)
            foreach (var node in graph.Nodes.Where(n => n.Op is Add && n.Inputs.Contains(addedBias)))
                replaced[node.Output] = node with { Inputs = [.. node.Inputs.Select(i => i == addedBias ? newBias! : i)] };

        var changed = graph with { Nodes = [.. graph.Nodes.Select(n => replaced.GetValueOrDefault(n.Output, n))], Constants = constants, Outputs = [graph.Outputs[0] with { Shape = [] }] };
        var output = ShapeInference.Infer(changed, -1)[graph.Outputs[0].Name];
        if (output.Shape is not [_, var inferred] || inferred != classes)
            throw new InputException($"model {graph.Name}: with a new last layer for {classes} classes its output has the shape [{string.Join(',', output.Shape)}]; --transfer needs a model with one number per class");
        return ((changed with { Outputs = [output] }).RemoveUnused().Verify(), added);

        string Added(string wanted, Tensor tensor)
        {
            while (!constants.TryAdd(wanted, tensor))
                wanted += "_";
            added.Add(wanted);
            return wanted;
        }
    }

    /// <summary>Uniform in +-1/sqrt(inputs): small logits at first, so that the trunk is not shaken.</summary>
    private static Tensor Random(int[] shape, int classes, ulong seed)
    {
        var random = CounterRandom.Of(seed, Stream);
        var values = new float[shape.Aggregate(1, (a, b) => a * b)];
        var bound = 1 / Math.Sqrt((double)values.Length / classes);
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)((2 * random.Unit(i) - 1) * bound);
        return Tensor.Of(values, shape);
    }
}
