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
            var single = new GraphSpec(
                graph.Name, [], [new(node.Output, ElementType.Float32, [])], [node],
                node.Inputs.Where(i => i.Length > 0).Distinct().ToDictionary(i => i, i => constants[i]));
            constants[node.Output] = new GraphInterpreter(single).Run(new Dictionary<string, Tensor>())[node.Output];
        }
        return nodes.Count == graph.Nodes.Count ? graph : (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }
}
