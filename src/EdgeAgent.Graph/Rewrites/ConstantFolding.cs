using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Computes every node whose inputs are all constants. Quantized weights keep their DequantizeLinear.</summary>
public static class ConstantFolding
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            var known = node.Op is not (QuantizeLinear or DequantizeLinear) && node.Inputs.All(i => i.Length == 0 || constants.ContainsKey(i));
            if (!known)
            {
                nodes.Add(node);
                continue;
            }
            foreach (var (name, tensor) in Compute(node, constants))
                constants[name] = tensor;
        }
        return nodes.Count == graph.Nodes.Count ? graph : (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }

    /// <summary>The results of one node all of whose inputs are in <paramref name="constants"/>.</summary>
    internal static IReadOnlyDictionary<string, Tensor> Compute(Node node, IReadOnlyDictionary<string, Tensor> constants)
    {
        var single = new GraphSpec(
            node.Name, [], [.. node.Outputs.Select(o => new ValueSpec(o, ElementType.Float32, []))], [node],
            node.Inputs.Where(i => i.Length > 0).Distinct().ToDictionary(i => i, i => constants[i]));
        return new GraphInterpreter(single, threads: 1).Run(new Dictionary<string, Tensor>());
    }
}
