using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// A Gather whose constant indices go up or down by one step is a slice, which int8 engines have: so PyTorch exports
/// <c>x[:, [2, 1, 0]]</c>, images in BGR.
/// </summary>
public static class GatherToSlice
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        if (!graph.Nodes.Any(n => n.Op is Gather))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        return (graph with { Nodes = [.. graph.Nodes.Select(n => AsSlice(n, graph, shapes) is { } slice ? n with { Op = slice, Inputs = [n.Inputs[0]] } : n)] }).RemoveUnused();
    }

    private static StridedSlice? AsSlice(Node node, GraphSpec graph, IReadOnlyDictionary<string, ValueSpec> shapes)
    {
        if (node.Op is not Gather gather || graph.Constants.ContainsKey(node.Inputs[0]) || !graph.Constants.TryGetValue(node.Inputs[1], out var indices) || indices.Shape.Length != 1)
            return null;
        var shape = shapes[node.Inputs[0]].Shape;
        var axis = gather.Axis < 0 ? gather.Axis + shape.Length : gather.Axis;
        if (shape[axis] < 1)
            return null;
        var at = Array.ConvertAll(Casting.Integers(indices), i => (int)(i < 0 ? i + shape[axis] : i));
        var step = at.Length > 1 ? at[1] - at[0] : 1;
        for (var i = 0; i < at.Length; i++)
            if (step == 0 || at[i] != at[0] + i * step || at[i] < 0 || at[i] >= shape[axis])
                return null;
        // Downwards to the first element, the end is before it, and -1 would be the last one.
        var end = at[^1] + Math.Sign(step);
        return new([at[0]], [end < 0 ? int.MinValue : end], [axis], [step]);
    }
}
