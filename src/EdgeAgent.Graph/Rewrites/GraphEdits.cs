using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Edits that every rewrite needs.</summary>
public static class GraphEdits
{
    /// <summary>Drops nodes and constants that no output depends on.</summary>
    public static GraphSpec RemoveUnused(this GraphSpec graph)
    {
        var used = graph.Outputs.Select(o => o.Name).ToHashSet();
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes.Reverse())
        {
            if (!node.Outputs.Any(used.Contains))
                continue;
            used.UnionWith(node.Inputs);
            nodes.Add(node);
        }
        nodes.Reverse();
        return graph with
        {
            Nodes = nodes,
            Constants = graph.Constants.Where(c => used.Contains(c.Key)).ToDictionary(c => c.Key, c => c.Value),
        };
    }
}
