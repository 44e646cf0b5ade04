using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Converters of operators that pick, repeat and rearrange elements.</summary>
internal static class OnnxMovement
{
    private const int MaxTriangle = 1 << 16;

    public static void Slice(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rank = OnnxOperators.Shape(node, graph, 0).Length;
        var inputs = node.Opset >= 10;
        int[] starts = Narrow(inputs ? OnnxOperators.Longs(node, graph, 1) : node.Ints("starts") ?? []);
        int[] ends = Narrow(inputs ? OnnxOperators.Longs(node, graph, 2) : node.Ints("ends") ?? []);
        var given = inputs ? (node.Input(3).Length > 0 ? OnnxOperators.Longs(node, graph, 3) : null) : node.Ints("axes");
        int[] axes = given is null ? [.. Enumerable.Range(0, starts.Length)] : Array.ConvertAll(given, a => OnnxShapes.Axis(node, a, rank));
        int[] steps = inputs && node.Input(4).Length > 0 ? Narrow(OnnxOperators.Longs(node, graph, 4)) : [.. Enumerable.Repeat(1, starts.Length)];
        OnnxOperators.Emit(node, graph, new StridedSlice(starts, ends, axes, steps), 1);
    }

    public static void Split(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), shape.Length);
        var count = node.SmallInt("num_outputs", node.Proto.Output.Count);
        if (count < 1 || shape[axis] < count)
            throw node.Fault($"cannot split {shape[axis]} elements into {count} parts");
        var sizes = node.Ints("split") ?? (node.Input(1).Length > 0 ? OnnxOperators.Longs(node, graph, 1) : null)
            ?? [.. Enumerable.Range(0, count).Select(i => Math.Min((long)(shape[axis] + count - 1) / count, shape[axis] - (long)i * ((shape[axis] + count - 1) / count)))];
        if (sizes.Sum() != shape[axis] || sizes.Length < node.Proto.Output.Count)
            throw node.Fault($"parts of [{string.Join(',', sizes)}] do not make up {shape[axis]}");
        long start = 0;
        for (var i = 0; i < node.Proto.Output.Count; i++)
        {
            var op = new StridedSlice([(int)start], [(int)(start + sizes[i])], [axis], [1]);
            graph.Emit($"{node.Name}_{i}", op, [node.Input(0)], node.Output(i));
            start += sizes[i];
        }
    }

    public static void Expand(OnnxNode node, OnnxGraphBuilder graph)
    {
        var from = OnnxOperators.Shape(node, graph, 0);
        var target = graph.Folded(node.Input(1)) ?? throw node.Fault("its target shape is not known at import");
        var shape = new long[target.Numbers.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            var at = i - shape.Length + from.Length;
            if (target.Numbers[i].PerBatch != 0 && (at < 0 || from[at] > 0))
            {
                OnnxFills.Spread(node, graph, node.Input(0), target.Numbers);
                return;
            }
            shape[i] = target.Numbers[i].PerBatch == 0 ? (long)target.Numbers[i].Value : 1;
        }
        OnnxOperators.Emit(node, graph, new Expand(shape), 1);
    }

    /// <param name="pads">Begins of all axes, then ends.</param>
    /// <param name="rule">Null for a constant.</param>
    public static void PadByPicking(OnnxNode node, OnnxGraphBuilder graph, int[] pads, float value, Margins.Rule? rule)
    {
        var (x, shape) = (node.Input(0), OnnxOperators.Shape(node, graph, 0));
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var (before, behind) = (pads[axis], pads[axis + shape.Length]);
            if (rule is null)
                (before, behind) = (Math.Min(before, 0), Math.Min(behind, 0));
            if (before == 0 && behind == 0)
                continue;
            if (before <= 0 && behind <= 0)
                x = graph.EmitTemporary(node, new StridedSlice([-before], [behind < 0 ? behind : int.MaxValue], [axis], [1]), x);
            else
            {
                var indices = Margins.Indices(shape[axis], before, behind, rule!, node.Fault);
                x = graph.EmitTemporary(node, new Gather(axis), x, graph.AddConstant($"{node.Output(0)}_picked", Tensor.Of(indices, indices.Length)));
            }
        }
        graph.Emit(node.Name, rule is null && pads.Any(p => p > 0) ? new Pad(Array.ConvertAll(pads, p => Math.Max(p, 0)), value) : new Identity(), [x], node.Output(0));
    }

    /// <summary>What is on and above a diagonal of the last two axes, or on and below it; 0 elsewhere.</summary>
    public static void Triangle(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        if (shape.Length < 2 || shape[^1] < 1 || shape[^2] < 1)
            throw node.Fault($"[{string.Join(',', shape)}] is no matrix");
        // As a comparison of two vectors: a mask of texts of 2048 tokens has four million elements.
        var (rows, columns, upper) = (shape[^2], shape[^1], node.Int("upper", 1) != 0);
        var k = node.Input(1).Length == 0 ? 0 : OnnxOperators.Longs(node, graph, 1) is [var given] ? Math.Clamp(given, int.MinValue, int.MaxValue) : throw node.Fault("its diagonal k is not one number");
        if (rows > MaxTriangle || columns > MaxTriangle)
            throw node.Fault($"takes the triangle of [{string.Join(',', shape)}]; at most {MaxTriangle} rows and columns are supported");
        long[] places = [.. Enumerable.Range(0, columns).Select(c => (long)c)], diagonal = [.. Enumerable.Range(0, rows).Select(r => r + k)];
        var kept = graph.EmitTemporary(
            node, upper ? new GreaterOrEqual() : new LessOrEqual(),
            graph.AddConstant(node.Output(0) + "_columns", Tensor.Of(places, 1, columns)), graph.AddConstant(node.Output(0) + "_diagonal", Tensor.Of(diagonal, rows, 1)));
        var type = graph.Value(node.Input(0))!.Type;
        var zero = graph.AddConstant(node.Output(0) + "_zero", type switch
        {
            ElementType.Int64 => Tensor.Of([0L], []),
            ElementType.Int32 => Tensor.Of([0], []),
            ElementType.Bool => Tensor.Of([false], []),
            ElementType.Float32 => Tensor.Of([0f], []),
            _ => throw node.Fault($"{type} is not supported"),
        });
        graph.Emit(node.Name, new Where(), [kept, node.Input(0), zero], node.Output(0));
    }

    public static void Tile(OnnxNode node, OnnxGraphBuilder graph)
    {
        var repeats = (graph.Folded(node.Input(1)) ?? throw node.Fault("its repeats are not known at import")).Numbers;
        if (repeats.Length != OnnxOperators.Shape(node, graph, 0).Length || repeats.Any(r => r.PerBatch == 0 && r.Value is not (>= 1 and <= 1 << 16)))
            throw node.Fault($"repeats [{string.Join(',', repeats.Select(r => r.Value))}] do not fit");
        var value = node.Input(0);
        for (var axis = 0; axis < repeats.Length; axis++)
            if (repeats[axis] is { PerBatch: 0, Value: > 1 and var count })
                value = graph.EmitTemporary(node, new Concat(axis), [.. Enumerable.Repeat(value, (int)count)]);
        var tiled = OnnxOperators.Shape(node, graph, value);
        var spread = Array.FindIndex(repeats, r => r.PerBatch != 0);
        if (spread < 0)
            graph.Emit(node.Name, new Identity(), [value], node.Output(0));
        else if (tiled[spread] != 1)
            throw node.Fault($"repeats [{string.Join(',', tiled)}] along axis {spread} once for each sample, which is supported along axes of 1");
        else
            OnnxFills.Spread(node, graph, value, [.. tiled.Select((d, i) => repeats[i].PerBatch != 0 ? repeats[i] : FoldedNumber.OfDimension(d))]);
    }

    public static void DepthToSpace(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (block, shape) = Block(node, graph);
        if (shape[1] % (block * block) != 0)
            throw node.Fault($"{shape[1]} channels do not make blocks of {block} x {block}");
        var depth = shape[1] / block / block;
        var columnsFirst = node.String("mode", "DCR") == "DCR";
        long[] split = columnsFirst ? [0, block, block, depth, shape[2], shape[3]] : [0, depth, block, block, shape[2], shape[3]];
        int[] order = columnsFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
        Rearrange(node, graph, split, order, [0, depth, (long)shape[2] * block, (long)shape[3] * block]);
    }

    public static void SpaceToDepth(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (block, shape) = Block(node, graph);
        if (shape[2] % block != 0 || shape[3] % block != 0)
            throw node.Fault($"[{string.Join(',', shape)}] does not make blocks of {block} x {block}");
        Rearrange(
            node, graph, [0, shape[1], shape[2] / block, block, shape[3] / block, block], [0, 3, 5, 1, 2, 4],
            [0, (long)shape[1] * block * block, shape[2] / block, shape[3] / block]);
    }

    public static void Resize(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var linear = node.String("mode", "nearest") switch
        {
            "nearest" => false,
            "linear" => true,
            var other => throw node.Fault($"mode '{ModelImportException.OneLine(other)}' is not supported, only 'nearest' and 'linear'"),
        };
        if (node.Flag("antialias") || node.String("keep_aspect_ratio_policy", "stretch") != "stretch")
            throw node.Fault("antialias and kept aspect ratios are not supported");
        var coordinates = node.Opset < 11 ? ResizeCoordinates.Asymmetric : node.String("coordinate_transformation_mode", "half_pixel") switch
        {
            "half_pixel" => ResizeCoordinates.HalfPixel,
            "pytorch_half_pixel" => ResizeCoordinates.PytorchHalfPixel,
            "asymmetric" => ResizeCoordinates.Asymmetric,
            "align_corners" => ResizeCoordinates.AlignCorners,
            "tf_half_pixel_for_nn" when !linear => ResizeCoordinates.HalfPixel,
            var other => throw node.Fault($"coordinate_transformation_mode '{ModelImportException.OneLine(other)}' is not supported"),
        };
        // TensorFlow's coordinates are half an element ahead of the others, and so are the rules by which they round.
        var ahead = node.String("coordinate_transformation_mode", "") == "tf_half_pixel_for_nn";
        var rounding = linear ? ResizeRounding.Linear : node.Opset < 11 ? ResizeRounding.Floor : node.String("nearest_mode", "round_prefer_floor") switch
        {
            "round_prefer_floor" when ahead => ResizeRounding.Ceil,
            "floor" when ahead => ResizeRounding.RoundPreferCeil,
            var other when ahead => throw node.Fault($"nearest_mode '{ModelImportException.OneLine(other)}' with tf_half_pixel_for_nn is not supported, only 'floor' and 'round_prefer_floor'"),
            "round_prefer_floor" => ResizeRounding.RoundPreferFloor,
            "round_prefer_ceil" => ResizeRounding.RoundPreferCeil,
            "floor" => ResizeRounding.Floor,
            "ceil" => ResizeRounding.Ceil,
            var other => throw node.Fault($"nearest_mode '{ModelImportException.OneLine(other)}' is unknown"),
        };
        var scales = Floats(node, graph, node.Opset < 11 ? 1 : 2);
        Emit(node, graph, shape, scales, scales is null ? Sizes(node, graph) : null, coordinates, rounding);
    }

    public static void Upsample(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rounding = node.String("mode", "nearest") == "nearest" ? ResizeRounding.Floor : ResizeRounding.Linear;
        var scales = node.Floats("scales") ?? Floats(node, graph, 1) ?? throw node.Fault("has no scales");
        Emit(node, graph, OnnxOperators.Shape(node, graph, 0), scales, null, ResizeCoordinates.Asymmetric, rounding);
    }

    public static void Reshape(OnnxNode node, OnnxGraphBuilder graph)
    {
        var from = OnnxOperators.Shape(node, graph, 0);
        var target = graph.Folded(node.Input(1)) ?? throw node.Fault("its target shape is not known at import");
        if (node.Flag("allowzero") && Array.Exists(target.Numbers, n => n is { Value: 0, PerBatch: 0 }))
            throw node.Fault("makes an empty tensor, which is not supported");
        var op = target.IsConstant
            ? new Reshape(Array.ConvertAll(target.Numbers, n => (long)n.Value))
            : TargetShapes.ReshapeTo(from, TargetShapes.Resolved(from, target.Numbers, zeroCopies: true, node.Fault), node.Fault);
        OnnxOperators.Emit(node, graph, op, 1);
    }

    public static void Squeeze(OnnxNode node, OnnxGraphBuilder graph)
    {
        var from = OnnxOperators.Shape(node, graph, 0);
        var axes = node.Ints("axes") ?? (node.Input(1).Length > 0 ? OnnxOperators.Longs(node, graph, 1) : null);
        OnnxOperators.Emit(node, graph, TargetShapes.ReshapeTo(from, OnnxShapes.Squeezed(node, from, axes), node.Fault), 1);
    }

    public static void Pad(OnnxNode node, OnnxGraphBuilder graph)
    {
        Margins.Rule? rule = node.String("mode", "constant") switch
        {
            "constant" => null,
            "reflect" => Margins.Reflect,
            "edge" => Margins.Edge,
            "wrap" => Margins.Wrap,
            var other => throw node.Fault($"mode '{ModelImportException.OneLine(other)}' is unknown"),
        };
        var rank = OnnxOperators.Shape(node, graph, 0).Length;
        var given = node.Opset < 11
            ? node.SmallInts("pads") ?? throw node.Fault("has no pads")
            : node.Narrow(OnnxOperators.Longs(node, graph, 1), "pads");
        var value = node.Opset < 11 ? node.Float("value", 0) : OnnxOperators.Scalar(node, graph, 2, 0);
        int[] axes = node.Input(3).Length > 0
            ? [.. OnnxOperators.Longs(node, graph, 3).Select(a => OnnxShapes.Axis(node, a, rank))]
            : [.. Enumerable.Range(0, rank)];
        if (given.Length != 2 * axes.Length)
            throw node.Fault($"{given.Length} pads do not fit {axes.Length} axes");
        var pads = new int[2 * rank];
        for (var i = 0; i < axes.Length; i++)
            (pads[axes[i]], pads[axes[i] + rank]) = (given[i], given[i + axes.Length]);
        // What cuts off is a slice, and the value's own elements are picked.
        if (rule is not null || pads.Any(p => p < 0))
            PadByPicking(node, graph, pads, value, rule);
        else
            OnnxOperators.Emit(node, graph, new Pad(pads, value), 1);
    }

    private static FoldedNumber[] Sizes(OnnxNode node, OnnxGraphBuilder graph) =>
        (graph.Folded(node.Input(3)) ?? throw node.Fault("has neither scales nor sizes that are known at import")).Numbers;

    private static void Emit(OnnxNode node, OnnxGraphBuilder graph, int[] shape, float[]? scales, FoldedNumber[]? sizes, ResizeCoordinates coordinates, ResizeRounding rounding)
    {
        var axes = node.SmallInts("axes") is { } given ? Array.ConvertAll(given, a => OnnxShapes.Axis(node, a, shape.Length)) : [.. Enumerable.Range(0, shape.Length)];
        if ((scales?.Length ?? sizes!.Length) != axes.Length)
            throw node.Fault("scales or sizes do not fit the axes");
        var (target, factors) = (shape.Select(d => (double)d).ToArray(), Enumerable.Repeat(1f, shape.Length).ToArray());
        for (var i = 0; i < axes.Length; i++)
        {
            var size = shape[axes[i]];
            // In float32, as the format's own shape inference does: 10 by 0.7 is 7 there, in double 6.9999999.
            if (scales is not null)
                (factors[axes[i]], target[axes[i]]) = (scales[i], MathF.Floor(size * scales[i]));
            // PyTorch takes the sizes that do not change, the batch among them, from the shape of x.
            else if (sizes![i] != FoldedNumber.OfDimension(size) && size > 0)
                (factors[axes[i]], target[axes[i]]) = ((float)(sizes[i].Value / size), sizes[i] is { PerBatch: 0, Value: var wanted } ? wanted : double.NaN);
        }
        if (factors.Take(2).Any(f => f != 1) || shape.Length is not (3 or 4) || target.Skip(2).Any(t => !(t is >= 1 and <= int.MaxValue)))
            throw node.Fault($"resizes [{string.Join(',', shape)}] to [{string.Join(',', target)}]; only height and width can change");
        OnnxOperators.Emit(node, graph, new Resize([.. target.Skip(2).Select(t => (int)t)], factors[2..], coordinates, rounding), 1);
    }

    private static float[]? Floats(OnnxNode node, OnnxGraphBuilder graph, int input) =>
        node.Input(input).Length == 0 || graph.Constant(node.Input(input)) is { Count: 0 } ? null
        : graph.Constant(node.Input(input)) is { Data: float[] values } ? values
        : throw node.Fault($"input {input} must be constant numbers");

    private static (int Block, int[] Shape) Block(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var block = node.SmallInt("blocksize", 0);
        return shape.Length == 4 && block is > 0 and < 1 << 10 ? (block, shape) : throw node.Fault($"blocks of {block} do not fit [{string.Join(',', shape)}]");
    }

    private static void Rearrange(OnnxNode node, OnnxGraphBuilder graph, long[] split, int[] order, long[] joined)
    {
        var parts = graph.EmitTemporary(node, new Transpose(order), graph.EmitTemporary(node, new Reshape(split), node.Input(0)));
        graph.Emit(node.Name, new Reshape(joined), [parts], node.Output(0));
    }

    private static int[] Narrow(long[] values) => Array.ConvertAll(values, v => (int)Math.Clamp(v, int.MinValue, int.MaxValue));
}
