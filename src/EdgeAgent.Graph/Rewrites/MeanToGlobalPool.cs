using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>A mean over all spatial axes is a GlobalAveragePool, which int8 engines have; dropped axes become a Flatten.</summary>
public static class MeanToGlobalPool
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            var rank = shapes[node.Inputs[0]].Shape.Length;
            if (node.Op is not ReduceMean mean || rank < 3 || !mean.Axes.Select(a => a < 0 ? a + rank : a).Order().SequenceEqual(Enumerable.Range(2, rank - 2)))
            {
                nodes.Add(node);
                continue;
            }
            if (mean.KeepDims)
            {
                nodes.Add(node with { Op = new GlobalAveragePool() });
                continue;
            }
            var pooled = graph.FreshName(node.Output + "_pool");
            nodes.Add(node with { Op = new GlobalAveragePool(), Outputs = [pooled] });
            nodes.Add(new(node.Name + "_flatten", new Flatten(1), [pooled], node.Outputs));
        }
        return graph with { Nodes = nodes };
    }
}
