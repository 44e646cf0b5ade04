using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Folds batch-norm, and other arithmetic with a constant for each element of a vector, into the dense layers that read it:
/// w' = w * factor, b' = b + w offset. Unlike a convolution, a dense layer has no padding that this would be wrong at.
/// </summary>
public static class FoldIntoDense
{
    /// <param name="graph">Its dense layers as <see cref="DenseToGemm"/> leaves them.</param>
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var outputs = graph.Outputs.Select(o => o.Name).ToHashSet();
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = graph.Nodes.ToList();
        // From the end: once the last of a chain is folded, a layer reads the one before it.
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            var node = nodes[i];
            var shape = shapes[node.Output].Shape;
            if (shape.Length != 2 || outputs.Contains(node.Output) || ChannelAffine.Of(node, shape[1], 2, constants) is not { } affine || !shapes[affine.Input].Shape.AsSpan().SequenceEqual(shape))
                continue;
            int[] readers = [.. Enumerable.Range(i + 1, nodes.Count - i - 1).Where(r => nodes[r].Inputs.Contains(node.Output))];
            if (readers.Length == 0 || !readers.All(r => IsDense(nodes[r], node.Output, constants)))
                continue;
            foreach (var reader in readers)
                nodes[reader] = Folded(nodes[reader], affine, constants);
            nodes.RemoveAt(i);
        }
        return nodes.Count == graph.Nodes.Count ? graph : (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }

    private static bool IsDense(Node node, string input, Dictionary<string, Tensor> constants) =>
        node.Op is Gemm { Alpha: 1, Beta: 1, TransposeA: false, TransposeB: true } && node.Inputs[0] == input
        && node.Inputs.Skip(1).All(i => i.Length == 0 || constants.ContainsKey(i))
        && (node.Inputs.Count < 3 || node.Inputs[2].Length == 0 || constants[node.Inputs[2]].Shape.Length == 1);

    private static Node Folded(Node layer, ChannelAffine affine, Dictionary<string, Tensor> constants)
    {
        var weights = constants[layer.Inputs[1]];
        var (rows, length) = (weights.Shape[0], weights.Shape[1]);
        var old = layer.Inputs.Count > 2 && layer.Inputs[2].Length > 0 ? constants[layer.Inputs[2]].Floats : [];
        var (scaled, bias) = (new float[weights.Count], new float[rows]);
        for (var m = 0; m < rows; m++)
        {
            double sum = old.Length == 0 ? 0 : old[m % old.Length];
            for (var k = 0; k < length; k++)
            {
                double weight = weights.Floats[m * length + k];
                scaled[m * length + k] = (float)(weight * affine.Factors[k]);
                sum += weight * affine.Offsets[k];
            }
            bias[m] = (float)sum;
        }
        // New names: other layers may share the old constants.
        var w = constants.AddConstant(layer.Inputs[1] + "_folded", Tensor.Of(scaled, rows, length));
        var b = constants.AddConstant(layer.Output + "_bias", Tensor.Of(bias, rows));
        return layer with { Inputs = [affine.Input, w, b] };
    }
}
