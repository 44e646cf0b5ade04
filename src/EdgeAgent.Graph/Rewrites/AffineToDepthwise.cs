using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Turns chains of per-channel arithmetic that follow no convolution, such as the normalisation of an input, into one
/// depthwise 1 x 1 convolution, which int8 engines have. (Folding them into the convolution behind would be wrong at
/// its zero-padded border.)
/// </summary>
public static class AffineToDepthwise
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var readers = graph.ReaderCounts();
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>(graph.Nodes.Count);
        var chains = new Dictionary<string, (int Index, ChannelAffine Affine)>();
        foreach (var node in graph.Nodes)
        {
            var shape = shapes[node.Output].Shape;
            if (shape.Length != 4 || ChannelAffine.Of(node, shape[1], 4, constants) is not { } affine || !shapes[affine.Input].Shape.AsSpan().SequenceEqual(shape))
            {
                nodes.Add(node);
                continue;
            }
            if (readers[affine.Input] == 1 && chains.Remove(affine.Input, out var chain))
            {
                nodes[chain.Index] = nodes[chain.Index] with { Outputs = node.Outputs };
                chains[node.Output] = (chain.Index, affine.After(chain.Affine));
                continue;
            }
            chains[node.Output] = (nodes.Count, affine);
            nodes.Add(node);
        }
        foreach (var (output, (index, affine)) in chains)
        {
            var (weights, bias) = (graph.FreshName(output + "_factor"), graph.FreshName(output + "_offset"));
            constants[weights] = Tensor.Of(Array.ConvertAll(affine.Factors, f => (float)f), affine.Factors.Length, 1, 1, 1);
            constants[bias] = Tensor.Of(Array.ConvertAll(affine.Offsets, o => (float)o), affine.Offsets.Length);
            nodes[index] = new(nodes[index].Name, new Conv(Window.Of(1), affine.Factors.Length), [affine.Input, weights, bias], [output]);
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }
}
