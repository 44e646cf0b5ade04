using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Turns chains of per-channel arithmetic that follow no convolution, such as the normalisation of an input, into one
/// depthwise 1 x 1 convolution, which int8 engines have. (Folding them into the convolution behind would be wrong at
/// its zero-padded border.) A vector is an image of one pixel for it.
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
            if (shape.Length is not (2 or 4) || ChannelAffine.Of(node, shape[1], shape.Length, constants) is not { } affine || !shapes[affine.Input].Shape.AsSpan().SequenceEqual(shape))
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
        var made = chains.ToDictionary(c => c.Value.Index, c => Depthwise(graph, nodes[c.Value.Index].Name, c.Key, c.Value.Affine, shapes[c.Key].Shape.Length, constants));
        return (graph with { Nodes = [.. nodes.SelectMany((node, i) => made.GetValueOrDefault(i) ?? [node])], Constants = constants }).RemoveUnused();
    }

    private static Node[] Depthwise(GraphSpec graph, string name, string output, ChannelAffine affine, int rank, Dictionary<string, Tensor> constants)
    {
        var channels = affine.Factors.Length;
        var (weights, bias) = (graph.FreshName(output + "_factor"), graph.FreshName(output + "_offset"));
        constants[weights] = Tensor.Of(Array.ConvertAll(affine.Factors, f => (float)f), channels, 1, 1, 1);
        constants[bias] = Tensor.Of(Array.ConvertAll(affine.Offsets, o => (float)o), channels);
        Node Convolution(string input, string result) => new(name, new Conv(Window.Of(1), channels), [input, weights, bias], [result]);
        if (rank == 4)
            return [Convolution(affine.Input, output)];
        var (pixel, scaled) = (graph.FreshName(output + "_pixel"), graph.FreshName(output + "_scaled"));
        return
        [
            new(name + "_pixel", new Reshape([0, -1, 1, 1]), [affine.Input], [pixel]),
            Convolution(pixel, scaled),
            new(name + "_vector", new Reshape([0, -1]), [scaled], [output]),
        ];
    }
}
