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

    /// <summary>How often each value is read, by nodes and as an output of the graph.</summary>
    internal static Dictionary<string, int> ReaderCounts(this GraphSpec graph) =>
        graph.Nodes.SelectMany(n => n.Inputs).Where(i => i.Length > 0).Concat(graph.Outputs.Select(o => o.Name)).CountBy(name => name).ToDictionary();

    /// <summary>The node that computes each value.</summary>
    internal static Dictionary<string, Node> Producers(this GraphSpec graph)
    {
        var producers = new Dictionary<string, Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
            foreach (var output in node.Outputs)
                producers[output] = node;
        return producers;
    }

    /// <summary>Makes readers of the keys read the values instead; names that the graph outputs are not touched.</summary>
    internal static GraphSpec Redirect(this GraphSpec graph, IReadOnlyDictionary<string, string> renamed)
    {
        if (renamed.Count == 0)
            return graph;
        return graph with { Nodes = [.. graph.Nodes.Select(n => n with { Inputs = [.. n.Inputs.Select(Final)] })] };

        string Final(string name)
        {
            while (renamed.TryGetValue(name, out var next))
                name = next;
            return name;
        }
    }

    /// <summary>A name no value of the graph has, made of <paramref name="wanted"/>.</summary>
    internal static string FreshName(this GraphSpec graph, string wanted)
    {
        bool Taken(string name) =>
            graph.Constants.ContainsKey(name) || graph.Inputs.Any(i => i.Name == name) || graph.Nodes.Any(n => n.Outputs.Contains(name));
        while (Taken(wanted))
            wanted += "_";
        return wanted;
    }

    /// <summary>Adds a constant under a name that no other has, made of <paramref name="wanted"/>, which it returns.</summary>
    internal static string AddConstant(this Dictionary<string, Tensor> constants, string wanted, Tensor tensor)
    {
        while (!constants.TryAdd(wanted, tensor))
            wanted += "_";
        return wanted;
    }

    internal static Dictionary<string, Tensor> With(this IReadOnlyDictionary<string, Tensor> constants, params ReadOnlySpan<(string Name, Tensor Tensor)> added)
    {
        var result = constants.ToDictionary(c => c.Key, c => c.Value);
        foreach (var (name, tensor) in added)
            result[name] = tensor;
        return result;
    }
}
