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

    private static string Centred(OnnxNode node, OnnxGraphBuilder graph, int[] axes) =>
        graph.EmitTemporary(node, new Sub(), node.Input(0), graph.EmitTemporary(node, new ReduceMean(axes, true), node.Input(0)));

    private static string Variance(OnnxNode node, OnnxGraphBuilder graph, string centred, int[] axes, float epsilon)
    {
        var variance = graph.EmitTemporary(node, new ReduceMean(axes, true), graph.EmitTemporary(node, new Mul(), centred, centred));
        return graph.EmitTemporary(node, new Add(), variance, graph.Scalar(node, epsilon));
    }

    private static string ByChannel(OnnxNode node, OnnxGraphBuilder graph, int input, int spatial) =>
        graph.EmitTemporary(node, new Reshape([-1, .. Enumerable.Repeat(1L, spatial)]), node.Input(input));
}
