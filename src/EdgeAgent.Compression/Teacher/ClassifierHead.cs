using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Ends a classifier at its logits: distillation needs them, and a final softmax changes no prediction.</summary>
public static class ClassifierHead
{
    public static GraphSpec ToLogits(GraphSpec graph)
    {
        while (graph.Nodes.FirstOrDefault(n => n.Output == graph.Outputs[0].Name) is { Op: Softmax or Identity } last)
            graph = graph with
            {
                Outputs = [graph.Outputs[0] with { Name = last.Inputs[0] }],
                Nodes = [.. graph.Nodes.Where(n => n != last)],
            };
        return graph.RemoveUnused().Verify();
    }
}
