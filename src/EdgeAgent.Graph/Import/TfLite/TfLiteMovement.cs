using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Converters of operators that pick, repeat and rearrange elements, and those with which files compute shapes.</summary>
internal static class TfLiteMovement
{
    private const int MaxSummed = 1 << 11;

    public static void AddN(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var sum = graph.Real(node, 0);
        for (var i = 1; i < node.Inputs.Length; i++)
            sum = graph.Emit(node, new Add(), sum, graph.Real(node, i));
        graph.Define(node, sum);
    }

    public static void ArgMax(TfLiteNode node, TfLiteGraphBuilder graph, string x)
    {
        if (graph.Ints(node, 1) is not [var axis])
            throw node.Fault("has no single axis");
        var index = graph.Emit(node, new ArgMax(axis, KeepDims: false), x);
        graph.Define(node, node.Output(0).Type == TfLiteType.Int32 ? graph.Emit(node, new Cast(ElementType.Int32), index) : index);
    }

    /// <summary>One number in a given shape.</summary>
    public static void Fill(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (shape, number) = (graph.Ints(node, 0), graph.Real(node, 1));
        if (Array.Exists(shape, d => d < 1))
            throw node.Fault($"fills [{string.Join(',', shape.Take(16))}], which is not supported");
        graph.Define(node, graph.Emit(node, new Expand(Longs(shape)), number));
    }

    public static void ZerosLike(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var shape = graph.Shape(graph.Real(node, 0));
        graph.Define(node, graph.Emit(node, new Expand(Longs(shape)), graph.NewConstant(node, "zero", graph.Type(graph.Real(node, 0)) switch
        {
            ElementType.Float32 => Tensor.Of([0f], []),
            ElementType.Int32 => Tensor.Of([0], []),
            ElementType.Int64 => Tensor.Of([0L], []),
            var other => throw node.Fault($"makes zeros of type {other}, which is not supported"),
        })));
    }

    /// <summary>Numbers from one to another by a step, all known at import.</summary>
    public static void Range(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        FoldedValue Known(int input) => graph.Constant(graph.Real(node, input)) is { } tensor && FoldedValue.TryOf(tensor) is { } value ? value : throw node.Fault($"input {input} is not known at import");
        if (FoldedArithmetic.Range(Known(0), Known(1), Known(2), node.Fault) is not { Numbers.Length: > 0 } range)
            throw node.Fault($"makes no numbers, or more than {FoldedValue.MaxCount}, which is not supported");
        graph.Define(node, graph.NewConstant(node, "range", range.ToTensor()));
    }

    /// <summary>A new axis on which the element at the index has one value and all others another.</summary>
    public static void OneHot(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var indices = graph.Real(node, 0);
        var shape = Longs(graph.Shape(indices));
        var axis = node.Int(0) < 0 ? shape.Length : node.Int(0);
        if (graph.Ints(node, 1) is not [>= 1 and <= 1 << 20 and var depth] || axis > shape.Length)
            throw node.Fault($"its depth or its axis {node.Int(0)} does not fit [{string.Join(',', shape)}]");
        long[] places = [.. Enumerable.Repeat(1L, axis), depth, .. Enumerable.Repeat(1L, shape.Length - axis)];
        var numbers = graph.Emit(node, new Reshape(places), graph.NewConstant(node, "places", graph.Type(indices) == ElementType.Int64
            ? Tensor.Of(Enumerable.Range(0, depth).Select(i => (long)i).ToArray(), depth)
            : Tensor.Of(Enumerable.Range(0, depth).ToArray(), depth)));
        var equal = graph.Emit(node, new Equal(), graph.Emit(node, new Reshape([.. shape[..axis], 1, .. shape[axis..]]), indices), numbers);
        graph.Define(node, graph.Emit(node, new Where(), equal, graph.Real(node, 2), graph.Real(node, 3)));
    }

    /// <summary>Every element is the sum of those up to it along an axis: a product with a triangle of ones. Whole numbers are exact up to 2^24.</summary>
    public static void CumSum(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (graph.Ints(node, 1) is not [var given])
            throw node.Fault("has no single axis");
        var (x, axis) = Axis(node, graph, given);
        var (shape, type) = (graph.Shape(x), graph.Type(x));
        var size = shape[axis];
        if (size is < 1 or > MaxSummed)
            throw node.Fault($"sums over {size} elements; between 1 and {MaxSummed} are supported");
        var (exclusive, reverse) = (node.Flag(0), node.Flag(1));
        Tensor Triangle()
        {
            var ones = new float[size * size];
            for (var from = 0; from < size; from++)
                for (var to = 0; to < size; to++)
                    if (from == to ? !exclusive : reverse == from > to)
                        ones[from * size + to] = 1;
            return Tensor.Of(ones, size, size);
        }
        int[] last = [.. Enumerable.Range(0, shape.Length).Where(i => i != axis), axis];
        string Moved(string value, int[] permutation) => graph.Emit(node, new Transpose(permutation), value);
        if (type != ElementType.Float32)
            x = graph.Emit(node, new Cast(ElementType.Float32), x);
        x = shape.Length == 1 ? graph.Emit(node, new Reshape([1, size]), x) : Moved(x, last);
        x = graph.Emit(node, new MatMul(), x, graph.SharedConstant($"triangle_{size}{(exclusive ? "_exclusive" : "")}{(reverse ? "_reverse" : "")}", Triangle));
        x = shape.Length == 1 ? graph.Emit(node, new Reshape([size]), x) : Moved(x, [.. Enumerable.Range(0, shape.Length).Select(i => Array.IndexOf(last, i))]);
        graph.Define(node, type == ElementType.Float32 ? x : graph.Emit(node, new Cast(type), x));
    }

    public static void Gather(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (node.Int(1) != 0)
            throw node.Fault("batch dimensions are not supported");
        if (graph.HasCalls && node.Int(0) == 0 && graph.Shape(graph.Value(node, 0)).Length > 0 && graph.Constant(graph.Value(node, 1)) is { Shape: [], Type: ElementType.Int32 or ElementType.Int64 })
        {
            graph.Lists.Element(node, graph, graph.Value(node, 0), graph.Ints(node, 1)[0]);
            return;
        }
        graph.Define(node, graph.Emit(node, new Gather(node.Int(0)), graph.Real(node, 0), graph.Real(node, 1)));
    }

    /// <summary>Joins along a new axis.</summary>
    public static void Pack(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var shape = graph.Shape(graph.Real(node, 0));
        var axis = node.Int(1) < 0 ? node.Int(1) + shape.Length + 1 : node.Int(1);
        if (axis < 0 || axis > shape.Length)
            throw node.Fault($"axis {node.Int(1)} does not fit [{string.Join(',', shape)}]");
        var longs = Longs(shape).ToList();
        Insert(longs, axis);
        string[] parts = [.. Enumerable.Range(0, node.Inputs.Length).Select(i => graph.Emit(node, new Reshape([.. longs]), graph.Real(node, i)))];
        graph.Define(node, graph.Emit(node, new Concat(axis), parts));
    }

    public static void Unpack(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, axis) = Axis(node, graph, node.Int(1));
        var shape = graph.Shape(x);
        for (var i = 0; i < Math.Min(node.Outputs.Length, shape[axis]); i++)
        {
            var part = graph.Emit(node, new StridedSlice([i], [i + 1], [axis], [1]), x);
            graph.Define(node, graph.Emit(node, new Reshape(Longs([.. shape[..axis], .. shape[(axis + 1)..]])), part), i);
        }
    }

    public static void Select(TfLiteNode node, TfLiteGraphBuilder graph) =>
        graph.Define(node, graph.Emit(node, new Where(), graph.Real(node, 0), graph.Real(node, 1), graph.Real(node, 2)));

    public static void Shape(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var shape = graph.Shape(graph.Real(node, 0));
        graph.Define(node, graph.NewConstant(node, "shape", node.Output(0).Type == TfLiteType.Int64
            ? Tensor.Of(Longs(shape), shape.Length)
            : Tensor.Of(shape.ToArray(), shape.Length)));
    }

    /// <summary>Begin and size; a size of -1 is the rest.</summary>
    public static void Slice(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (begin, size) = (graph.Ints(node, 1), graph.Ints(node, 2));
        var shape = graph.Shape(graph.Value(node, 0));
        if (begin.Length != shape.Length || size.Length != shape.Length)
            throw node.Fault($"begin and size do not fit [{string.Join(',', shape)}]");
        // An axis that stays whole is left out, so that a batch can become dynamic.
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(i => begin[i] != 0 || size[i] != -1 && size[i] != shape[i])];
        if (graph.HasCalls && axes is [] or [0] && begin is [>= 0 and var from, ..] && from <= shape[0] && size[0] >= -1 && size[0] <= shape[0] - from && !node.Output(0).IsQuantized)
        {
            graph.Lists.Slice(node, graph, graph.Value(node, 0), from, size[0] == -1 ? shape[0] : from + size[0]);
            return;
        }
        var x = graph.Real(node, 0);
        int[] ends = [.. axes.Select(i => size[i] == -1 ? int.MaxValue : (int)Math.Min((long)begin[i] + size[i], int.MaxValue))];
        graph.Define(node, graph.Emit(node, new StridedSlice([.. axes.Select(i => begin[i])], ends, axes, [.. axes.Select(_ => 1)]), x));
    }

    /// <summary>Bit i of a mask is about axis i: begin and end are then the ends of the axis, or one element is taken and the axis goes.</summary>
    public static void StridedSlice(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, begin, end, strides) = (graph.Real(node, 0), graph.Ints(node, 1), graph.Ints(node, 2), graph.Ints(node, 3));
        var (beginMask, endMask, dropped) = (node.Int(0), node.Int(1), node.Int(4));
        if (node.Int(2) != 0 || node.Int(3) != 0 || node.Flag(5))
            throw node.Fault("ellipses, new axes and offsets are not supported");
        var shape = graph.Shape(x);
        if (begin.Length > shape.Length || end.Length != begin.Length || strides.Length != begin.Length)
            throw node.Fault($"begin, end and strides do not fit [{string.Join(',', shape)}]");
        var (starts, ends, axes, steps) = (new List<int>(), new List<int>(), new List<int>(), new List<int>());
        for (var i = 0; i < begin.Length; i++)
        {
            var (single, step) = ((dropped >> i & 1) != 0, strides[i]);
            var first = (beginMask >> i & 1) != 0 && !single ? step > 0 ? 0 : int.MaxValue : begin[i];
            var last = single ? begin[i] == -1 ? int.MaxValue : begin[i] + 1 : (endMask >> i & 1) != 0 ? step > 0 ? int.MaxValue : int.MinValue : end[i];
            if ((first, step) == (0, 1) && (last == int.MaxValue || last == shape[i]) && !single)
                continue;
            starts.Add(first);
            ends.Add(last);
            axes.Add(i);
            steps.Add(single ? 1 : step);
        }
        var part = graph.Emit(node, new StridedSlice([.. starts], [.. ends], [.. axes], [.. steps]), x);
        if (dropped != 0)
            part = graph.Emit(node, new Reshape(Longs([.. graph.Shape(part).Where((_, i) => i >= begin.Length || (dropped >> i & 1) == 0)])), part);
        graph.Define(node, part);
    }

    /// <summary>Equal parts; here the axis comes first.</summary>
    public static void Split(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (graph.Ints(node, 0) is not [var given])
            throw node.Fault("has no single axis");
        var (x, axis) = Axis(node, graph, given, input: 1);
        var count = node.Outputs.Length;
        if (count == 0 || graph.Shape(x)[axis] % count != 0)
            throw node.Fault($"cannot split {graph.Shape(x)[axis]} elements into {count} parts");
        Parts(node, graph, x, axis, [.. Enumerable.Repeat(graph.Shape(x)[axis] / count, count)]);
    }

    public static void SplitV(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (graph.Ints(node, 2) is not [var given])
            throw node.Fault("has no single axis");
        var (x, axis) = Axis(node, graph, given);
        var sizes = graph.Ints(node, 1).ToArray();
        var rest = Array.IndexOf(sizes, -1);
        if (rest >= 0)
            sizes[rest] = graph.Shape(x)[axis] - sizes.Sum() - 1;
        if (sizes.Length != node.Outputs.Length || sizes.Sum(s => (long)s) != graph.Shape(x)[axis] || sizes.Any(s => s < 1))
            throw node.Fault($"parts of [{string.Join(',', sizes)}] do not make up {graph.Shape(x)[axis]}");
        Parts(node, graph, x, axis, sizes);
    }

    public static void Tile(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, repeats) = (graph.Real(node, 0), graph.Ints(node, 1));
        if (repeats.Length != graph.Shape(x).Length || repeats.Any(r => r is < 1 or > 1 << 16))
            throw node.Fault($"repeats [{string.Join(',', repeats)}] do not fit");
        for (var axis = 0; axis < repeats.Length; axis++)
            if (repeats[axis] > 1)
                x = graph.Emit(node, new Concat(axis), [.. Enumerable.Repeat(x, repeats[axis])]);
        graph.Define(node, x);
    }

    /// <param name="flags">Field id of align_corners; half_pixel_centers is the next.</param>
    public static void Resize(TfLiteNode node, TfLiteGraphBuilder graph, int flags, bool linear)
    {
        var x = graph.RealNchw(node, 0);
        if (graph.Ints(node, 1) is not [var height, var width] || height < 1 || width < 1)
            throw node.Fault("has no size of two numbers");
        var shape = graph.Shape(x);
        var (align, half) = (node.Flag(flags), node.Flag(flags + 1));
        var coordinates = align ? ResizeCoordinates.AlignCorners : half ? ResizeCoordinates.HalfPixel : ResizeCoordinates.Asymmetric;
        var rounding = linear ? ResizeRounding.Linear : align || half ? ResizeRounding.RoundPreferCeil : ResizeRounding.Floor;
        var op = new Resize([height, width], [(float)((double)height / shape[2]), (float)((double)width / shape[3])], coordinates, rounding);
        graph.Define(node, graph.Nhwc(node, graph.Emit(node, op, x)));
    }

    private static void Parts(TfLiteNode node, TfLiteGraphBuilder graph, string x, int axis, int[] sizes)
    {
        var start = 0;
        for (var i = 0; i < sizes.Length; i++)
        {
            graph.Define(node, graph.Emit(node, new StridedSlice([start], [start + sizes[i]], [axis], [1]), x), i);
            start += sizes[i];
        }
    }

    private static (string Value, int Axis) Axis(TfLiteNode node, TfLiteGraphBuilder graph, int axis, int input = 0)
    {
        var x = graph.Real(node, input);
        var index = axis < 0 ? axis + graph.Shape(x).Length : axis;
        return index >= 0 && index < graph.Shape(x).Length ? (x, index) : throw node.Fault($"axis {axis} does not fit [{string.Join(',', graph.Shape(x))}]");
    }

    /// <summary>A new axis of one element. Behind one in front, the length is left to be inferred, so that a batch there can become dynamic.</summary>
    internal static void Insert(List<long> shape, int axis)
    {
        if (axis == 0 && shape.Count > 0)
            shape[0] = -1;
        shape.Insert(axis, 1);
    }

    private static long[] Longs(int[] values) => Array.ConvertAll(values, v => (long)v);
}
