using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Values that are the same for every sample of the batch, which a file makes by filling or expanding to a shape computed from its
/// input: initial states of recurrent layers, class tokens. They are multiples of a column of ones, one for each sample.
/// </summary>
internal static class OnnxFills
{
    public static void ConstantOfShape(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = graph.Folded(node.Input(0)) ?? throw node.Fault("fills a shape that is computed from data, which is not supported");
        var fill = node.Tensor("value") ?? Tensor.Of([0f], 1);
        if (fill.Count != 1)
            throw node.Fault($"fills with {fill.Count} numbers; one is needed");
        var number = graph.AddConstant(node.Output(0) + "_fill", fill.Reshape([.. Enumerable.Repeat(1, shape.Numbers.Length)]));
        if (!shape.IsConstant)
        {
            Spread(node, graph, number, shape.Numbers);
            return;
        }
        // What does not depend on the batch is folded before it comes here, unless it is large.
        graph.Emit(node.Name, new Expand([.. shape.Numbers.Select(n => (long)n.Value)]), [number], node.Output(0));
        graph.NoteUniform(node.Output(0), number);
    }

    /// <summary>A value repeated along one axis for every sample, and along others as often as the target says.</summary>
    public static void Spread(OnnxNode node, OnnxGraphBuilder graph, string value, FoldedNumber[] target)
    {
        var from = OnnxOperators.Shape(node, graph, value);
        var axis = Array.FindIndex(target, d => d.PerBatch != 0);
        if (target.Count(d => d.PerBatch != 0) != 1 || target[axis] != new FoldedNumber(0, 1))
            throw node.Fault("makes a shape that depends on the batch in a way that is not supported; export the model with a fixed batch");
        var (spec, uniform) = (graph.Value(value)!, value);
        long[] ones = [.. Enumerable.Range(0, target.Length).Select(i => i == axis ? -1L : 1)];
        var column = graph.EmitTemporary(node, new Reshape(ones), graph.BatchOnes(node));
        if (spec.Type != ElementType.Float32)
            value = graph.EmitTemporary(node, new Cast(ElementType.Float32), value);
        var spread = graph.EmitTemporary(node, new Mul(), value, column);
        if (spec.Type != ElementType.Float32)
            spread = graph.EmitTemporary(node, new Cast(spec.Type), spread);
        long[] sizes = [.. target.Select((d, i) => i == axis ? 1L : (long)d.Value)];
        var larger = target.Where((d, i) => i != axis && d.Value != 1 && (i < target.Length - from.Length || from[i - target.Length + from.Length] == 1)).Any();
        graph.Emit(node.Name, larger ? new Expand(sizes) : new Identity(), [spread], node.Output(0));
        graph.NoteUniform(node.Output(0), uniform);
    }
}
