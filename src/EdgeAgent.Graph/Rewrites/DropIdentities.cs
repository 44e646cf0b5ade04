using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Removes nodes that pass their input on unchanged; outputs of the graph keep their names.</summary>
public static class DropIdentities
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var outputs = graph.Outputs.Select(o => o.Name).ToHashSet();
        var producers = graph.Producers();
        var dropped = new Dictionary<string, string>();
        var renamed = new Dictionary<string, string>();
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            var input = node.Inputs.Count > 0 ? node.Inputs[0] : "";
            var passesOn = node.Op is Identity || (node.Op is Reshape or Flatten or Transpose && IsIdentity(node.Op, shapes[input].Shape, shapes[node.Output].Shape));
            if (passesOn && !outputs.Contains(node.Output))
                dropped[node.Output] = input;
            else if (passesOn && producers.ContainsKey(input) && !outputs.Contains(input) && !dropped.ContainsKey(input) && renamed.TryAdd(input, node.Output))
                continue;
            else
                nodes.Add(node);
        }
        // An identity that makes an output: the node before it takes over the output's name.
        var result = (graph with { Nodes = nodes }).Redirect(dropped).Redirect(renamed);
        return result with { Nodes = [.. result.Nodes.Select(n => n with { Outputs = [.. n.Outputs.Select(o => renamed.GetValueOrDefault(o, o))] })] };
    }

    private static bool IsIdentity(Operator op, int[] before, int[] after) => op is Transpose transpose
        ? transpose.Permutation.AsSpan().SequenceEqual(Enumerable.Range(0, before.Length).ToArray())
        : before.AsSpan().SequenceEqual(after);
}
