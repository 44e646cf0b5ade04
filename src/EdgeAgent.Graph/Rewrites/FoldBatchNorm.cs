using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Folds batch-norm, and other per-channel arithmetic with constants, into the convolution or dense layer before it:
/// w' = w * factor, b' = b * factor + offset.
/// </summary>
public static class FoldBatchNorm
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var readers = graph.ReaderCounts();
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>(graph.Nodes.Count);
        var layers = new Dictionary<string, int>();
        foreach (var node in graph.Nodes)
        {
            var shape = shapes[node.Output].Shape;
            if (shape.Length > 1 && ChannelAffine.Of(node, shape[1], shape.Length, constants) is { } affine
                && readers[affine.Input] == 1 && layers.Remove(affine.Input, out var index))
            {
                nodes[index] = Scaled(nodes[index], affine, constants) with { Outputs = node.Outputs };
                layers[node.Output] = index;
                continue;
            }
            if (IsLayer(node, constants))
                layers[node.Output] = nodes.Count;
            nodes.Add(node);
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }

    private static bool IsLayer(Node node, Dictionary<string, Tensor> constants) =>
        node.Op is Conv or Gemm { Alpha: 1, Beta: 1 }
        && node.Inputs.Skip(1).All(i => i.Length == 0 || constants.ContainsKey(i))
        && (node.Inputs.Count < 3 || node.Inputs[2].Length == 0 || node.Op is Conv || constants[node.Inputs[2]].Shape.Length == 1);

    private static Node Scaled(Node layer, ChannelAffine affine, Dictionary<string, Tensor> constants)
    {
        var weights = constants[layer.Inputs[1]];
        var channels = affine.Factors.Length;
        // The output channel is the outer axis of the weights, or the inner one of an untransposed Gemm.
        var inner = layer.Op is Gemm { TransposeB: false } ? 1 : weights.Count / channels;
        var scaled = new float[weights.Count];
        for (var i = 0; i < scaled.Length; i++)
            scaled[i] = (float)(weights.Floats[i] * affine.Factors[i / inner % channels]);
        var old = layer.Inputs.Count > 2 && layer.Inputs[2].Length > 0 ? constants[layer.Inputs[2]].Floats : [];
        var bias = new float[channels];
        for (var c = 0; c < channels; c++)
            bias[c] = (float)((old.Length == 0 ? 0 : old[c % old.Length]) * affine.Factors[c] + affine.Offsets[c]);

        // New names: other layers may share the old constants.
        var w = constants.AddConstant(layer.Inputs[1] + "_folded", Tensor.Of(scaled, weights.Shape));
        var b = constants.AddConstant(layer.Output + "_bias", Tensor.Of(bias, channels));
        return layer with { Inputs = [layer.Inputs[0], w, b] };
    }
}
