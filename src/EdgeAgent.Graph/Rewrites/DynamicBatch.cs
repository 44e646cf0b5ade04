using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Frees a batch that the exporter fixed: the leading axis of the inputs becomes -1 and Reshapes copy it from their
/// input. A graph whose batch is entangled with other axes keeps its fixed size.
/// </summary>
public static class DynamicBatch
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        if (graph.Inputs.Count == 0 || graph.Inputs.Any(i => i.Shape.Length == 0 || i.Shape[0] < 1 || i.Shape[0] != graph.Inputs[0].Shape[0]))
            return graph;
        var batch = graph.Inputs[0].Shape[0];
        var shapes = ShapeInference.Infer(graph, -1);
        Reshape First(Node node) => Freed((Reshape)node.Op, shapes[node.Inputs[0]].Shape, batch);
        // An axis to infer that is as large as the batch is the batch: [1, 1, -1, H]. Otherwise, and where that fits nothing, the first is: [1, -1].
        return TryFree(graph, node => InfersBatch((Reshape)node.Op, shapes[node.Output].Shape, batch) ? (Reshape)node.Op : First(node))
            ?? TryFree(graph, First)
            ?? graph;
    }

    private static GraphSpec? TryFree(GraphSpec graph, Func<Node, Reshape> target)
    {
        var freed = graph with
        {
            Inputs = [.. graph.Inputs.Select(i => i with { Shape = [-1, .. i.Shape[1..]] })],
            Nodes = [.. graph.Nodes.Select(node => node.Op is Reshape ? node with { Op = target(node) } : node)],
        };
        try
        {
            var inferred = ShapeInference.Infer(freed, -1);
            var outputs = graph.Outputs.Select(o => inferred[o.Name]).ToList();
            return outputs.TrueForAll(o => o.Shape.Length > 0 && o.Shape[0] == -1) && !freed.Nodes.Any(n => MixesSamples(n, inferred)) ? freed with { Outputs = outputs } : null;
        }
        catch (InvalidGraphException)
        {
            return null;
        }
    }

    /// <summary>Whether a node normalizes or adds up along the batch: what was one sample's axis has been taken for it.</summary>
    private static bool MixesSamples(Node node, IReadOnlyDictionary<string, ValueSpec> values)
    {
        bool IsBatch(int input, int axis) => values.GetValueOrDefault(node.Inputs[input]) is { Shape: var shape } && shape[axis < 0 ? axis + shape.Length : axis] < 0;
        return node.Op switch
        {
            Softmax softmax => IsBatch(0, softmax.Axis),
            LogSoftmax softmax => IsBatch(0, softmax.Axis),
            MatMul => IsBatch(0, -1),
            Gemm gemm => IsBatch(0, gemm.TransposeA ? 0 : 1),
            _ => false,
        };
    }

    private static bool InfersBatch(Reshape reshape, int[] result, int batch) => Array.IndexOf(reshape.Shape, -1) is >= 0 and var axis && result[axis] == batch;

    private static Reshape Freed(Reshape reshape, int[] input, int batch) =>
        reshape.Shape.Length > 0 && input.Length > 0 && input[0] == batch && reshape.Shape[0] == batch
            ? new([0, .. reshape.Shape[1..]])
            : reshape;
}
