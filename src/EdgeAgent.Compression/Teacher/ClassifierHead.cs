using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// Ends a classifier at its logits, one for each class: distillation needs them, and a final Softmax, LogSoftmax or Sigmoid, with
/// whatever changes of shape behind it, changes no prediction. One that says yes or no by a single number is given two.
/// </summary>
public static class ClassifierHead
{
    /// <returns>With an output [N, logits].</returns>
    public static GraphSpec ToLogits(GraphSpec graph)
    {
        while (Activation(graph) is { } activation)
            graph = Without(graph, activation);
        graph = Matrix(graph);
        return (graph with { Outputs = [ShapeInference.Infer(graph, -1)[graph.Outputs[0].Name]] }).RemoveUnused().Verify();
    }

    /// <summary>Whether the outputs are what a Sigmoid makes of logits.</summary>
    public static bool EndsInSigmoid(GraphSpec graph) => Activation(graph)?.Op is Sigmoid;

    /// <summary>The logit z of the second class as those of both, -z/2 and z/2: their softmax is the sigmoid of z.</summary>
    /// <param name="graph">Ends at its logit.</param>
    /// <exception cref="InputException">Its last layer cannot be given another output.</exception>
    public static GraphSpec OfTwoClasses(GraphSpec graph)
    {
        return LastLayer.Replace(graph, 2, Both, old => Both(old.Reshape(1), 0), op => op is GlobalAveragePool, "a model with one output for two classes needs a last layer that is dense or a convolution").Graph;

        static Tensor Both(Tensor old, int axis)
        {
            var inner = old.Shape[(axis + 1)..].Aggregate(1, (a, b) => a * b);
            var values = new float[2 * old.Count];
            for (var i = 0; i < values.Length; i++)
                values[i] = old.Floats[i / (2 * inner) * inner + i % inner] * (i / inner % 2 == 0 ? -0.5f : 0.5f);
            return Tensor.Of(values, [.. old.Shape.Select((size, a) => a == axis ? 2 : size)]);
        }
    }

    /// <summary>The same of any graph with one output, whose other layers stay as they are: the class is the larger of the two numbers.</summary>
    /// <param name="probability">The output is a probability, not a logit.</param>
    public static GraphSpec WithBothAnswers(GraphSpec graph, bool probability)
    {
        graph = Matrix(graph);
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        string Added(string name, Tensor tensor)
        {
            while (!constants.TryAdd(name, tensor))
                name += "_";
            return name;
        }
        var (weights, bias) = (Added("answers_weight", Tensor.Of([-1f, 1f], 2, 1)), Added("answers_bias", Tensor.Of([probability ? 1f : 0f, 0f], 2)));
        return WithLast(graph with { Constants = constants }, "answers", new Gemm(1, 1, false, true), weights, bias);
    }

    /// <summary>The last activation, behind which nothing but the shape changes; null where there is none.</summary>
    private static Node? Activation(GraphSpec graph)
    {
        var producers = graph.Nodes.ToDictionary(n => n.Output);
        var shapes = ShapeInference.Infer(graph, -1);
        var value = graph.Outputs[0].Name;
        while (producers.TryGetValue(value, out var node))
        {
            if (producers.ContainsKey(node.Inputs[0]) && node.Op switch
            {
                Sigmoid => true,
                Softmax softmax => IsOverClasses(softmax.Axis, shapes[node.Output].Shape),
                LogSoftmax softmax => IsOverClasses(softmax.Axis, shapes[node.Output].Shape),
                _ => false,
            })
                return node;
            if (node.Op is not (Reshape or Flatten or Transpose or Identity))
                return null;
            value = node.Inputs[0];
        }
        return null;
    }

    /// <summary>Whether all numbers of an image are along the axis.</summary>
    private static bool IsOverClasses(int axis, int[] shape)
    {
        axis = axis < 0 ? axis + shape.Length : axis;
        return axis > 0 && shape.Where((_, a) => a > 0 && a != axis).All(d => d == 1);
    }

    private static GraphSpec Without(GraphSpec graph, Node activation)
    {
        var input = activation.Inputs[0];
        return graph with
        {
            Outputs = [graph.Outputs[0].Name == activation.Output ? graph.Outputs[0] with { Name = input } : graph.Outputs[0]],
            Nodes = [.. graph.Nodes.Where(n => n != activation).Select(n => n with { Inputs = [.. n.Inputs.Select(i => i == activation.Output ? input : i)] })],
        };
    }

    /// <summary>With an output of one row for each image.</summary>
    private static GraphSpec Matrix(GraphSpec graph) => ShapeInference.Infer(graph, -1)[graph.Outputs[0].Name].Shape.Length == 2
        ? DropIdentities.Apply(graph)
        : MergeReshapes.Apply(WithLast(graph, "logits", new Flatten(1)));

    private static GraphSpec WithLast(GraphSpec graph, string name, Operator op, params ReadOnlySpan<string> constants)
    {
        while (graph.Constants.ContainsKey(name) || graph.Inputs.Any(i => i.Name == name) || graph.Nodes.Any(n => n.Outputs.Contains(name)))
            name += "_";
        var longer = graph with { Nodes = [.. graph.Nodes, new Node(name, op, [graph.Outputs[0].Name, .. constants], [name])], Outputs = [graph.Outputs[0] with { Name = name }] };
        return (longer with { Outputs = [ShapeInference.Infer(longer, -1)[name]] }).Verify();
    }
}
