using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Operators in which it counts at what position along an axis an element is.</summary>
internal static class OnnxPositions
{
    /// <summary>A product with a square of this side has the weights of a large dense layer.</summary>
    private const int MaxLength = 1 << 11;

    private const int MaxDepth = 1 << 16;

    /// <summary>Two numbers, by whether an index is that of its place along a new axis. Inputs: indices, depth, [off, on].</summary>
    public static void OneHot(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (indices, shape) = (node.Input(0), OnnxOperators.Shape(node, graph, 0));
        if (OnnxOperators.Longs(node, graph, 1) is not [>= 1 and <= MaxDepth and var depth])
            throw node.Fault($"its depth is no number between 1 and {MaxDepth}");
        if (OnnxOperators.Shape(node, graph, 2) is not [2])
            throw node.Fault("has no two values, one for other places and one for that of the index");
        var axis = OnnxShapes.Axis(node, node.Int("axis", -1), shape.Length + 1);
        if (graph.ValueOf(node, indices).Type != ElementType.Int64)
            indices = graph.EmitTemporary(node, new Cast(ElementType.Int64), indices);
        var column = graph.EmitTemporary(node, TargetShapes.ReshapeTo(shape, [.. shape[..axis], 1, .. shape[axis..]], node.Fault), indices);
        // Indices below 0 count from the end; others have no place.
        var found = graph.EmitTemporary(node, new Or(), Found(0), Found(-depth));
        graph.Emit(node.Name, new Where(), [found, Value(1), Value(0)], node.Output(0));

        string Found(long first) => graph.EmitTemporary(node, new Equal(), column, Counting(node, graph, first, (int)depth, [.. Enumerable.Range(0, shape.Length + 1).Select(i => i == axis ? (int)depth : 1)]));

        string Value(int index) => graph.EmitTemporary(node, new StridedSlice([index], [index + 1], [0], [1]), node.Input(2));
    }

    /// <summary>
    /// Every element is the sum of those up to it: a product with a triangle of ones. Whole numbers are exact up to 2^24, which is far
    /// above the positions that they are.
    /// </summary>
    public static void CumSum(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (x, shape, type) = (node.Input(0), OnnxOperators.Shape(node, graph, 0), graph.ValueOf(node, node.Input(0)).Type);
        var axis = OnnxOperators.Longs(node, graph, 1) is [var given] ? OnnxShapes.Axis(node, given, shape.Length) : throw node.Fault("its axis is not one number");
        var size = Length(node, shape, axis);
        Operator counts = (node.Flag("exclusive"), node.Flag("reverse")) switch
        {
            (false, false) => new LessOrEqual(),
            (true, false) => new Less(),
            (false, true) => new GreaterOrEqual(),
            _ => new Greater(),
        };
        var triangle = graph.EmitTemporary(node, counts, Counting(node, graph, 0, size, [size, 1]), Counting(node, graph, 0, size, [1, size]));
        var ones = graph.EmitTemporary(node, new Cast(ElementType.Float32), triangle);
        if (type != ElementType.Float32)
            x = graph.EmitTemporary(node, new Cast(ElementType.Float32), x);
        // With the axis last, and one in front of it.
        int[] last = [.. Enumerable.Range(0, shape.Length).Where(i => i != axis), axis];
        x = Moved(node, graph, x, last);
        if (shape.Length == 1)
            x = graph.EmitTemporary(node, new Reshape([1, size]), x);
        x = graph.EmitTemporary(node, new MatMul(), x, ones);
        if (shape.Length == 1)
            x = graph.EmitTemporary(node, new Reshape([size]), x);
        x = Moved(node, graph, x, Inverse(last));
        graph.Emit(node.Name, type == ElementType.Float32 ? new Identity() : new Cast(type), [x], node.Output(0));
    }

    /// <summary>
    /// The first elements of each sample's sequence backwards, as many as its length says. Inputs: x, lengths [batch]. Where all have the
    /// whole length it is a slice; others are picked by a product with zeros and ones, exactly.
    /// </summary>
    public static void ReverseSequence(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (x, shape) = (node.Input(0), OnnxOperators.Shape(node, graph, 0));
        var (time, batch) = (OnnxShapes.Axis(node, node.Int("time_axis", 0), shape.Length), OnnxShapes.Axis(node, node.Int("batch_axis", 1), shape.Length));
        int[] others = [.. Enumerable.Range(0, shape.Length).Where(i => i != time && i != batch)];
        var lengths = OnnxOperators.Shape(node, graph, 1);
        if (time == batch || shape[time] < 1 || lengths is not [var samples] || samples != shape[batch])
            throw node.Fault($"lengths [{string.Join(',', lengths)}] do not fit [{string.Join(',', shape)}] with its time along axis {time} and its batch along axis {batch}");
        if (graph.UniformOf(node.Input(1)) == shape[time])
        {
            OnnxOperators.Emit(node, graph, new StridedSlice([-1], [int.MinValue], [time], [-1]), 1);
            return;
        }
        var size = Length(node, shape, time);
        if (graph.ValueOf(node, x).Type != ElementType.Float32 || others.Any(i => shape[i] < 1))
            throw node.Fault($"reverses parts of sequences of {graph.ValueOf(node, x).Type} in [{string.Join(',', shape)}]; float32 with one batch is supported");
        var length = graph.EmitTemporary(node, TargetShapes.ReshapeTo(lengths, [samples, 1], node.Fault), node.Input(1));
        if (graph.ValueOf(node, length).Type != ElementType.Int64)
            length = graph.EmitTemporary(node, new Cast(ElementType.Int64), length);
        var own = Counting(node, graph, 0, size, [1, size]);
        var mirrored = graph.EmitTemporary(node, new Sub(), graph.EmitTemporary(node, new Sub(), length, Counting(node, graph, 1, 1, [])), own);
        var source = graph.EmitTemporary(node, new Where(), graph.EmitTemporary(node, new Less(), own, length), mirrored, own);
        var column = graph.EmitTemporary(node, TargetShapes.ReshapeTo([samples, size], [samples, size, 1], node.Fault), source);
        var picks = graph.EmitTemporary(node, new Cast(ElementType.Float32), graph.EmitTemporary(node, new Equal(), column, Counting(node, graph, 0, size, [1, 1, size])));
        int[] front = [batch, time, .. others];
        var arranged = Array.ConvertAll(front, i => shape[i]);
        int[] rows = [samples, size, others.Aggregate(1, (a, i) => a * shape[i])];
        var flat = graph.EmitTemporary(node, TargetShapes.ReshapeTo(arranged, rows, node.Fault), Moved(node, graph, x, front));
        var reversed = graph.EmitTemporary(node, TargetShapes.ReshapeTo(rows, arranged, node.Fault), graph.EmitTemporary(node, new MatMul(), picks, flat));
        graph.Emit(node.Name, new Transpose(Inverse(front)), [reversed], node.Output(0));
    }

    /// <summary>The size of an axis that a product goes along.</summary>
    private static int Length(OnnxNode node, int[] shape, int axis) =>
        shape[axis] is >= 1 and <= MaxLength and var size ? size : throw node.Fault($"goes along axis {axis} of [{string.Join(',', shape)}]; a known size of at most {MaxLength} is supported");

    /// <summary>Whole numbers from the first one on.</summary>
    private static string Counting(OnnxNode node, OnnxGraphBuilder graph, long first, int count, int[] shape)
    {
        long[] places = [.. Enumerable.Range(0, count).Select(i => first + i)];
        return graph.AddConstant(node.Output(0) + "_places", Tensor.Of(places, shape));
    }

    private static string Moved(OnnxNode node, OnnxGraphBuilder graph, string x, int[] order) =>
        order.Order().SequenceEqual(order) ? x : graph.EmitTemporary(node, new Transpose(order), x);

    private static int[] Inverse(int[] order) => [.. Enumerable.Range(0, order.Length).Select(i => Array.IndexOf(order, i))];
}
