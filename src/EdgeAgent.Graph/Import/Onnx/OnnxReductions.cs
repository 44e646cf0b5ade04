using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Converters of operators that make one element of several, along axes or across inputs.</summary>
internal static class OnnxReductions
{
    /// <param name="before">Applied to the input.</param>
    /// <param name="after">Applied to the result.</param>
    public static void Of(OnnxNode node, OnnxGraphBuilder graph, Func<int[], bool, Operator> reduce, Func<string, string>? before = null, Operator? after = null)
    {
        var x = before is null ? node.Input(0) : before(node.Input(0));
        if (Axes(node, graph) is not { } axes)
        {
            graph.Emit(node.Name, after ?? new Identity(), [x], node.Output(0));
            return;
        }
        var op = reduce(axes, KeepsDims(node));
        if (after is null)
            graph.Emit(node.Name, op, [x], node.Output(0));
        else
            graph.Emit(node.Name, after, [graph.EmitTemporary(node, op, x)], node.Output(0));
    }

    /// <summary>max + log(sum(exp(x - max))), which does not overflow.</summary>
    public static void LogSumExp(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (Axes(node, graph) is not { } axes)
            throw node.Fault("reduces nothing");
        var x = node.Input(0);
        var max = graph.EmitTemporary(node, new ReduceMax(axes, true), x);
        var sum = graph.EmitTemporary(node, new ReduceSum(axes, KeepsDims(node)), graph.EmitTemporary(node, new Exp(), graph.EmitTemporary(node, new Sub(), x, max)));
        var shift = KeepsDims(node) ? max : graph.EmitTemporary(node, new ReduceMax(axes, false), x);
        graph.Emit(node.Name, new Add(), [graph.EmitTemporary(node, new Log(), sum), shift], node.Output(0));
    }

    public static void ArgMax(OnnxNode node, OnnxGraphBuilder graph) => Index(node, graph, node.Input(0));

    public static void ArgMin(OnnxNode node, OnnxGraphBuilder graph) => Index(node, graph, graph.EmitTemporary(node, new Neg(), node.Input(0)));

    /// <summary>The first index of the largest element or, counted from the other end, the last.</summary>
    private static void Index(OnnxNode node, OnnxGraphBuilder graph, string x)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), shape.Length);
        var op = new ArgMax(axis, KeepsDims(node));
        if (!node.Flag("select_last_index"))
        {
            graph.Emit(node.Name, op, [x], node.Output(0));
            return;
        }
        var backwards = graph.EmitTemporary(node, op, graph.EmitTemporary(node, new StridedSlice([-1], [int.MinValue], [axis], [-1]), x));
        graph.Emit(node.Name, new Sub(), [graph.AddConstant(node.Output(0) + "_last", Tensor.Of([shape[axis] - 1L], [])), backwards], node.Output(0));
    }

    /// <summary>Sum, Mean, Max and Min of any number of inputs.</summary>
    public static void OfInputs(OnnxNode node, OnnxGraphBuilder graph, Operator op, bool average = false)
    {
        var names = node.Proto.Input;
        if (names.Count == 0)
            throw node.Fault("has no inputs");
        var result = names[0];
        for (var i = 1; i < names.Count - 1; i++)
            result = graph.EmitTemporary(node, op, result, names[i]);
        if (names.Count > 1 && average)
            result = graph.EmitTemporary(node, op, result, names[^1]);
        if (average)
            graph.Emit(node.Name, new Div(), [result, graph.Scalar(node, names.Count)], node.Output(0));
        else if (names.Count > 1)
            graph.Emit(node.Name, op, [result, names[^1]], node.Output(0));
        else
            graph.Emit(node.Name, new Identity(), [result], node.Output(0));
    }

    /// <summary>The axes, which opsets have as attribute or input; all where there are none; null where that means to reduce nothing.</summary>
    private static int[]? Axes(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rank = OnnxOperators.Shape(node, graph, 0).Length;
        var axes = node.Ints("axes") ?? (node.Input(1).Length > 0 ? OnnxOperators.Longs(node, graph, 1) : []);
        if (axes.Length == 0)
            return node.Flag("noop_with_empty_axes") ? null : [.. Enumerable.Range(0, rank)];
        return [.. axes.Select(a => OnnxShapes.Axis(node, a, rank)).Distinct().Order()];
    }

    private static bool KeepsDims(OnnxNode node) => node.Int("keepdims", 1) != 0;
}
