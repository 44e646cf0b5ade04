using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>One Reshape for a chain of them: what lies between, such as a vector as an image of one pixel with its channels last, is never made.</summary>
public static class MergeReshapes
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var sources = new Dictionary<string, string>();
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            if (node.Op is not (Reshape or Flatten))
            {
                nodes.Add(node);
                continue;
            }
            var source = sources.GetValueOrDefault(node.Inputs[0], node.Inputs[0]);
            var merged = source != node.Inputs[0] && Target(shapes[source].Shape, shapes[node.Output].Shape) is { } target
                ? node with { Op = new Reshape(target), Inputs = [source] }
                : node;
            sources[node.Output] = merged.Inputs[0];
            nodes.Add(merged);
        }
        return DropIdentities.Apply((graph with { Nodes = nodes }).RemoveUnused());
    }

    private static long[]? Target(int[] from, int[] to)
    {
        var target = Array.ConvertAll(to, d => d < 0 ? -1L : d);
        if (to.Length > 0 && from.Length > 0 && to[0] == from[0])
            target[0] = 0;
        return target.Count(d => d == -1) < 2 ? target : null;
    }
}
