using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// PReLU as operators that int8 engines have: a LeakyRelu where all channels have one slope, else x + (slope - 1) * min(x, 0),
/// whose product becomes a depthwise convolution (<see cref="AffineToDepthwise"/>). Slopes that differ within a channel stay.
/// </summary>
public static class PReluToArithmetic
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        if (!graph.Nodes.Any(n => n.Op is PRelu))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            var shape = shapes[node.Output].Shape;
            if (node.Op is not PRelu || graph.Constants.ContainsKey(node.Inputs[0]) || !graph.Constants.TryGetValue(node.Inputs[1], out var slopes)
                || shape.Length < 2 || ChannelAffine.PerChannel(slopes, shape[1], shape.Length) is null)
            {
                nodes.Add(node);
                continue;
            }
            if (slopes.Floats.Distinct().Count() == 1)
            {
                nodes.Add(node with { Op = new LeakyRelu(slopes.Floats[0]), Inputs = [node.Inputs[0]] });
                continue;
            }
            var (below, bent, lessOne) = (graph.FreshName(node.Output + "_below"), graph.FreshName(node.Output + "_bent"), graph.FreshName(node.Output + "_slopes"));
            constants[lessOne] = Tensor.Of(Array.ConvertAll(slopes.Floats, s => s - 1), slopes.Shape);
            nodes.Add(new(node.Name + "_below", new Clip(float.MinValue, 0), [node.Inputs[0]], [below]));
            nodes.Add(new(node.Name + "_bent", new Mul(), [below, lessOne], [bent]));
            nodes.Add(node with { Op = new Add(), Inputs = [node.Inputs[0], bent] });
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }
}
