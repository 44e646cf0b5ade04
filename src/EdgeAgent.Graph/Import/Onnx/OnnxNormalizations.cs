using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Normalisation by the sample's own statistics.</summary>
internal static class OnnxNormalizations
{
    public static void Layer(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", -1), shape.Length);
        var epsilon = node.Float("epsilon", 1e-5f);
        OnnxOperators.Emit(node, graph, new LayerNormalization(axis, epsilon), 3);
        int[] axes = [.. Enumerable.Range(axis, shape.Length - axis)];
        if (node.Output(1).Length > 0)
            graph.Emit(node.Name + "_mean", new ReduceMean(axes, true), [node.Input(0)], node.Output(1));
        if (node.Output(2).Length > 0)
            graph.Emit(node.Name + "_factor", new Reciprocal(), [graph.EmitTemporary(node, new Sqrt(), Variance(node, graph, Centred(node, graph, axes), axes, epsilon))], node.Output(2));
    }

    /// <summary>Every channel of every sample, composed of means: scale * (x - mean) / sqrt(variance + epsilon) + bias.</summary>
    public static void Instance(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        if (shape.Length < 3)
            throw node.Fault($"input [{string.Join(',', shape)}] has no spatial axes");
        int[] axes = [.. Enumerable.Range(2, shape.Length - 2)];
        var centred = Centred(node, graph, axes);
        var deviation = graph.EmitTemporary(node, new Sqrt(), Variance(node, graph, centred, axes, node.Float("epsilon", 1e-5f)));
        var normal = graph.EmitTemporary(node, new Div(), centred, deviation);
        var scaled = graph.EmitTemporary(node, new Mul(), normal, ByChannel(node, graph, 1, axes.Length));
        graph.Emit(node.Name, new Add(), [scaled, ByChannel(node, graph, 2, axes.Length)], node.Output(0));
    }

    /// <summary>Groups of channels of every sample. The scale is one for each channel; before opset 21, one for each group.</summary>
    public static void Group(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (shape, groups) = (OnnxOperators.Shape(node, graph, 0), node.SmallInt("num_groups", 0));
        if (shape.Length < 3 || groups < 1 || shape[1] % groups != 0)
            throw node.Fault($"input [{string.Join(',', shape)}] has no spatial axes, or does not divide into {groups} groups");
        var grouped = graph.EmitTemporary(node, new Reshape([0, groups, -1]), node.Input(0));
        var centred = Centred(node, graph, [2], grouped);
        var deviation = graph.EmitTemporary(node, new Sqrt(), Variance(node, graph, centred, [2], node.Float("epsilon", 1e-5f)));
        var normal = graph.EmitTemporary(node, new Div(), centred, deviation);
        var perGroup = OnnxOperators.Shape(node, graph, 1) is [var scales] && scales == groups && groups != shape[1];
        string Scaled(string value) => graph.EmitTemporary(node, new Add(), graph.EmitTemporary(node, new Mul(), value, ByChannel(node, graph, 1, perGroup ? 1 : shape.Length - 2)), ByChannel(node, graph, 2, perGroup ? 1 : shape.Length - 2));
        var back = new Reshape([0, shape[1], .. shape[2..].Select(d => (long)d)]);
        if (perGroup)
            graph.Emit(node.Name, back, [Scaled(normal)], node.Output(0));
        else
            graph.Emit(node.Name, new Identity(), [Scaled(graph.EmitTemporary(node, back, normal))], node.Output(0));
    }

    /// <summary>x / sqrt(mean(x^2) + epsilon) * scale over the axes from one on.</summary>
    public static void RootMeanSquare(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rank = OnnxOperators.Shape(node, graph, 0).Length;
        var axis = OnnxShapes.Axis(node, node.Int("axis", -1), rank);
        var deviation = graph.EmitTemporary(node, new Sqrt(), Variance(node, graph, node.Input(0), [.. Enumerable.Range(axis, rank - axis)], node.Float("epsilon", 1e-5f)));
        graph.Emit(node.Name, new Mul(), [graph.EmitTemporary(node, new Div(), node.Input(0), deviation), node.Input(1)], node.Output(0));
    }

    /// <summary>Local response normalisation: x / (bias + alpha * mean of x^2 over neighbouring channels) ^ beta.</summary>
    public static void AcrossChannels(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (shape, size) = (OnnxOperators.Shape(node, graph, 0), node.SmallInt("size", 0));
        if (shape.Length < 3 || size is < 1 or > 1 << 12)
            throw node.Fault($"{size} channels of [{string.Join(',', shape)}] are not supported");
        // Channels as the height of an image of one channel, over which an average with zeros around is taken.
        var squares = graph.EmitTemporary(node, new Reshape([0, 1, shape[1], -1]), graph.EmitTemporary(node, new Mul(), node.Input(0), node.Input(0)));
        var window = new Window([size, 1], [1, 1], [(size - 1) / 2, 0, size / 2, 0], [1, 1]);
        var means = graph.EmitTemporary(node, new Reshape([0, .. shape[1..].Select(d => (long)d)]), graph.EmitTemporary(node, new AveragePool(window, false, true), squares));
        var basis = graph.EmitTemporary(node, new Add(), graph.EmitTemporary(node, new Mul(), means, graph.Scalar(node, node.Float("alpha", 1e-4f))), graph.Scalar(node, node.Float("bias", 1)));
        graph.Emit(node.Name, new Div(), [node.Input(0), graph.EmitTemporary(node, new Pow(), basis, graph.Scalar(node, node.Float("beta", 0.75f)))], node.Output(0));
    }

    /// <summary>To a length of 1 along an axis, by the sum of magnitudes or the root of the sum of squares.</summary>
    public static void Length(OnnxNode node, OnnxGraphBuilder graph)
    {
        var axis = OnnxShapes.Axis(node, node.Int("axis", -1), OnnxOperators.Shape(node, graph, 0).Length);
        var length = node.Int("p", 2) switch
        {
            1 => graph.EmitTemporary(node, new ReduceSum([axis], true), graph.EmitTemporary(node, new Abs(), node.Input(0))),
            2 => graph.EmitTemporary(node, new Sqrt(), graph.EmitTemporary(node, new ReduceSum([axis], true), graph.EmitTemporary(node, new Mul(), node.Input(0), node.Input(0)))),
            var other => throw node.Fault($"p = {other} is unknown"),
        };
        graph.Emit(node.Name, new Div(), [node.Input(0), length], node.Output(0));
    }

    private static string Centred(OnnxNode node, OnnxGraphBuilder graph, int[] axes, string? x = null) =>
        graph.EmitTemporary(node, new Sub(), x ?? node.Input(0), graph.EmitTemporary(node, new ReduceMean(axes, true), x ?? node.Input(0)));

    private static string Variance(OnnxNode node, OnnxGraphBuilder graph, string centred, int[] axes, float epsilon)
    {
        var variance = graph.EmitTemporary(node, new ReduceMean(axes, true), graph.EmitTemporary(node, new Mul(), centred, centred));
        return graph.EmitTemporary(node, new Add(), variance, graph.Scalar(node, epsilon));
    }

    private static string ByChannel(OnnxNode node, OnnxGraphBuilder graph, int input, int spatial) =>
        graph.EmitTemporary(node, new Reshape([-1, .. Enumerable.Repeat(1L, spatial)]), node.Input(input));
}
