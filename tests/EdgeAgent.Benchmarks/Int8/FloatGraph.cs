using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Benchmarks.Int8;

/// <summary>
/// The float32 network behind a QDQ graph: constants dequantized, activations passed on as they are. An activation function
/// that quantization had absorbed is missing, so its outputs differ; what it is for is its time.
/// </summary>
internal static class FloatGraph
{
    public static GraphSpec Of(GraphSpec qdq)
    {
        var ofConstants = qdq.Nodes.Where(n => n.Op is DequantizeLinear && qdq.Constants.ContainsKey(n.Inputs[0])).ToList();
        var weights = new GraphInterpreter(new GraphSpec(
            qdq.Name, [], [.. ofConstants.Select(n => new ValueSpec(n.Output, ElementType.Float32, qdq.Constants[n.Inputs[0]].Shape))], ofConstants, qdq.Constants))
            .Run(new Dictionary<string, Tensor>());

        var source = new Dictionary<string, string>();
        string Source(string name) => source.GetValueOrDefault(name, name);
        var nodes = new List<Node>();
        foreach (var node in qdq.Nodes.Except(ofConstants))
            if (node.Op is QuantizeLinear or DequantizeLinear)
                source[node.Output] = Source(node.Inputs[0]);
            else
                nodes.Add(node with { Inputs = [.. node.Inputs.Select(Source)] });
        return (qdq with
        {
            Nodes = nodes,
            Constants = qdq.Constants.Concat(weights).ToDictionary(),
            Outputs = [.. qdq.Outputs.Select(o => o with { Name = Source(o.Name) })],
        }).RemoveUnused().Verify();
    }
}
