using static EdgeAgent.Graph.Ir.ShapeInference;

namespace EdgeAgent.Graph.Ir;

/// <summary>The shape rule of every operator of the IR: inputs' types and shapes to the output's.</summary>
internal static class OperatorShapes
{
    /// <summary>Types and shapes of all results of an operator.</summary>
    public static (ElementType Type, int[] Shape)[] Results(Operator op, ValueSpec?[] inputs) =>
        op is RecurrentOperator recurrent ? SequenceShapes.Of(recurrent, inputs) : [Of(op, inputs)];

    private static (ElementType Type, int[] Shape) Of(Operator op, ValueSpec?[] inputs) => op switch
    {
        Conv conv => (ElementType.Float32, Convolution(conv, inputs)),
        ConvTranspose conv => (ElementType.Float32, Enlarged(conv, inputs)),
        Gemm gemm => (ElementType.Float32, Product(gemm, inputs)),
        MatMul => (ElementType.Float32, MatrixProduct(Float(inputs, 0), Float(inputs, 1))),
        BatchNormalization => (ElementType.Float32, Normalization(inputs)),
        Abs or Neg when Value(inputs, 0).Type is not (ElementType.Bool or ElementType.UInt8) => (Value(inputs, 0).Type, Value(inputs, 0).Shape),
        UnaryOperator => (ElementType.Float32, Float(inputs, 0)),
        Identity => (Value(inputs, 0).Type, Value(inputs, 0).Shape),
        Softmax softmax => (ElementType.Float32, Axis(softmax.Axis, Float(inputs, 0)).Shape),
        Pow => (Value(inputs, 0).Type, Broadcast(Value(inputs, 0).Shape, Value(inputs, 1).Shape)),
        BinaryOperator => (SameType(inputs), Broadcast(Value(inputs, 0).Shape, Value(inputs, 1).Shape)),
        Concat concat => (SameType(inputs), Concatenation(concat, inputs)),
        MaxPool pool => (ElementType.Float32, Pool(Float(inputs, 0), pool.Window, pool.CeilMode)),
        AveragePool pool => (ElementType.Float32, Pool(Float(inputs, 0), pool.Window, pool.CeilMode)),
        GlobalAveragePool or GlobalMaxPool => (ElementType.Float32, GlobalPool(Float(inputs, 0))),
        ReduceMean mean => (ElementType.Float32, Reduced(mean, Float(inputs, 0))),
        ReduceOperator reduce => (Value(inputs, 0).Type, Reduced(reduce, Value(inputs, 0).Shape)),
        ArgMax arg => (ElementType.Int64, Reduced(new ReduceMax([arg.Axis], arg.KeepDims), Value(inputs, 0).Shape)),
        ComparisonOperator => (SameType(inputs) is var _ ? ElementType.Bool : default, Broadcast(Value(inputs, 0).Shape, Value(inputs, 1).Shape)),
        LogicalOperator => (ElementType.Bool, Broadcast(Typed(inputs, 0, ElementType.Bool), Typed(inputs, 1, ElementType.Bool))),
        Not => (ElementType.Bool, Typed(inputs, 0, ElementType.Bool)),
        Where => (SameType(inputs[1..]), Broadcast(Broadcast(Typed(inputs, 0, ElementType.Bool), Value(inputs, 1).Shape), Value(inputs, 2).Shape)),
        Cast cast => (cast.To, Value(inputs, 0).Shape),
        StridedSlice slice => (Value(inputs, 0).Type, SliceRanges.Shape(slice, Value(inputs, 0).Shape)),
        Gather gather => (Value(inputs, 0).Type, Gathered(gather.Axis, Value(inputs, 0).Shape, Value(inputs, 1))),
        Expand expand => (Value(inputs, 0).Type, Broadcast(Value(inputs, 0).Shape, Array.ConvertAll(expand.Shape, d => d is >= -MaxElements and <= MaxElements ? (int)d : throw new ShapeFault($"a size of {d} is not supported")))),
        LogSoftmax softmax => (ElementType.Float32, Axis(softmax.Axis, Float(inputs, 0)).Shape),
        LayerNormalization normalization => (ElementType.Float32, LayerNormalized(normalization, inputs)),
        Resize resize => (ElementType.Float32, Resized(resize, Float(inputs, 0))),
        Flatten flatten => (Value(inputs, 0).Type, Flattened(flatten.Axis, Value(inputs, 0).Shape)),
        Reshape reshape => (Value(inputs, 0).Type, Reshaped(reshape.Shape, Value(inputs, 0).Shape)),
        Transpose transpose => (Value(inputs, 0).Type, Transposed(transpose.Permutation, Value(inputs, 0).Shape)),
        Pad pad => (Value(inputs, 0).Type, Padded(pad.Pads, Value(inputs, 0).Shape)),
        QuantizeLinear quantize => (QuantizedType(Value(inputs, 2).Type), Quantized(quantize.Axis, Float(inputs, 0), inputs)),
        DequantizeLinear dequantize => (ElementType.Float32, Dequantized(dequantize.Axis, inputs)),
        _ => throw new ShapeFault("has no shape rule"),
    };

    /// <summary>NumPy's multidirectional broadcasting.</summary>
    public static int[] Broadcast(int[] a, int[] b)
    {
        var shape = new int[Math.Max(a.Length, b.Length)];
        for (var i = 0; i < shape.Length; i++)
        {
            var (x, y) = (At(a, i - shape.Length), At(b, i - shape.Length));
            shape[i] = x == y || y == 1 ? x : x == 1 ? y : throw new ShapeFault($"[{Join(a)}] and [{Join(b)}] do not broadcast");
        }
        return shape;

        static int At(int[] shape, int fromEnd) => shape.Length + fromEnd is >= 0 and var i ? shape[i] : 1;
    }

    /// <summary>A target shape with 0 (copy) and -1 (infer) resolved against the input's.</summary>
    public static int[] Reshaped(long[] target, int[] input)
    {
        var shape = new int[target.Length];
        var inferred = -1;
        long known = 1;
        for (var i = 0; i < shape.Length; i++)
        {
            if (target[i] == -1 && inferred < 0)
                inferred = i;
            else if (target[i] == 0 && i < input.Length)
                known *= shape[i] = input[i];
            else if (target[i] is > 0 and <= int.MaxValue)
                known *= shape[i] = (int)target[i];
            else
                throw new ShapeFault($"cannot reshape [{Join(input)}] to [{string.Join(',', target)}]");
            if (Math.Abs(known) > MaxElements)
                throw new ShapeFault($"cannot reshape [{Join(input)}] to [{string.Join(',', target)}]");
        }
        var total = Elements(input);
        if (inferred >= 0 && known != 0 && total % known == 0)
            known *= shape[inferred] = (int)(total / known);
        return known == total ? shape : throw new ShapeFault($"cannot reshape [{Join(input)}] to [{string.Join(',', target)}]");
    }

    private static int[] Convolution(Conv conv, ValueSpec?[] inputs)
    {
        var (x, w) = (Float(inputs, 0), Float(inputs, 1));
        var axes = conv.Window.Kernel.Length;
        CheckWindow(x, conv.Window);
        if (w.Length != x.Length || x.Length != axes + 2)
            throw new ShapeFault($"input [{Join(x)}] and weights [{Join(w)}] do not fit a {axes}-D convolution");
        if (conv.Groups < 1 || x[1] != w[1] * (long)conv.Groups || w[0] % conv.Groups != 0)
            throw new ShapeFault($"input [{Join(x)}] and weights [{Join(w)}] do not fit {conv.Groups} groups");
        for (var i = 0; i < axes; i++)
            if (w[2 + i] != conv.Window.Kernel[i])
                throw new ShapeFault($"weights [{Join(w)}] do not have the kernel [{Join(conv.Window.Kernel)}]");
        if (inputs.Length > 2 && inputs[2] is not null && Float(inputs, 2) is var bias && Elements(bias) != w[0])
            throw new ShapeFault($"bias [{Join(bias)}] does not fit {w[0]} output channels");
        return Windowed(x, w[0], conv.Window, ceil: false);
    }

    private static int[] Enlarged(ConvTranspose conv, ValueSpec?[] inputs)
    {
        var (x, w) = (Float(inputs, 0), Float(inputs, 1));
        var axes = conv.Window.Kernel.Length;
        CheckWindow(x, conv.Window);
        if (w.Length != x.Length || x.Length != axes + 2 || conv.Groups < 1 || x[1] != w[0] || x[1] % conv.Groups != 0
            || !w.AsSpan(2).SequenceEqual(conv.Window.Kernel) || conv.OutputPads.Length != axes || conv.OutputPads.Any(p => p is < 0 or > 1 << 15))
            throw new ShapeFault($"input [{Join(x)}] and weights [{Join(w)}] do not fit a transposed {axes}-D convolution of {conv.Groups} groups");
        var outputs = checked(w[1] * conv.Groups);
        if (inputs.Length > 2 && inputs[2] is not null && Float(inputs, 2) is var bias && Elements(bias) != outputs)
            throw new ShapeFault($"bias [{Join(bias)}] does not fit {outputs} output channels");
        int[] shape = [x[0], outputs, .. x[2..]];
        for (var i = 0; i < axes; i++)
            if (x[2 + i] < 1 || (shape[2 + i] = conv.OutputSize(i, x[2 + i])) < 1)
                throw new ShapeFault($"pads [{Join(conv.Window.Pads)}] leave nothing of the output for [{Join(x)}]");
        return shape;
    }

    private static int[] Product(Gemm gemm, ValueSpec?[] inputs)
    {
        var (a, b) = (Float(inputs, 0), Float(inputs, 1));
        if (a.Length != 2 || b.Length != 2)
            throw new ShapeFault($"[{Join(a)}] x [{Join(b)}] is not a product of two matrices");
        var (m, k) = gemm.TransposeA ? (a[1], a[0]) : (a[0], a[1]);
        var (k2, n) = gemm.TransposeB ? (b[1], b[0]) : (b[0], b[1]);
        if (k != k2)
            throw new ShapeFault($"[{Join(a)}] x [{Join(b)}] have different inner sizes {k} and {k2}");
        int[] shape = [m, n];
        if (inputs.Length > 2 && inputs[2] is not null && Float(inputs, 2) is var c && !Broadcast(shape, c).AsSpan().SequenceEqual(shape))
            throw new ShapeFault($"addend [{Join(c)}] does not broadcast to [{Join(shape)}]");
        return shape;
    }

    private static int[] MatrixProduct(int[] a, int[] b)
    {
        if (a.Length < 2 || b.Length < 2 || a[^1] != b[^2])
            throw new ShapeFault($"[{Join(a)}] x [{Join(b)}] do not multiply");
        return [.. Broadcast(a[..^2], b[..^2]), a[^2], b[^1]];
    }

    private static int[] Normalization(ValueSpec?[] inputs)
    {
        var x = Float(inputs, 0);
        if (x.Length < 2)
            throw new ShapeFault($"input [{Join(x)}] has no channel axis");
        for (var i = 1; i < 5; i++)
            if (Float(inputs, i) is var p && (p.Length != 1 || p[0] != x[1]))
                throw new ShapeFault($"parameter [{Join(p)}] does not fit {x[1]} channels");
        return x;
    }

    private static int[] Concatenation(Concat concat, ValueSpec?[] inputs)
    {
        var (shape, axis) = Axis(concat.Axis, Value(inputs, 0).Shape);
        var result = shape.ToArray();
        for (var i = 1; i < inputs.Length; i++)
        {
            var next = Value(inputs, i).Shape;
            if (next.Length != shape.Length)
                throw new ShapeFault($"[{Join(shape)}] and [{Join(next)}] differ in rank");
            for (var d = 0; d < shape.Length; d++)
                if (d != axis && next[d] != shape[d])
                    throw new ShapeFault($"[{Join(shape)}] and [{Join(next)}] differ outside axis {axis}");
            result[axis] = checked(result[axis] + next[axis]);
        }
        return result;
    }

    private static int[] Pool(int[] x, Window window, bool ceil)
    {
        CheckWindow(x, window);
        if (x.Length != window.Kernel.Length + 2)
            throw new ShapeFault($"input [{Join(x)}] does not fit a {window.Kernel.Length}-D window");
        return Windowed(x, x[1], window, ceil);
    }

    private static void CheckWindow(int[] x, Window window)
    {
        var axes = window.Kernel.Length;
        if (axes < 1 || window.Strides.Length != axes || window.Dilations.Length != axes || window.Pads.Length != 2 * axes
            || window.Kernel.Any(k => k is < 1 or > 1 << 15) || window.Strides.Any(s => s is < 1 or > 1 << 15)
            || window.Dilations.Any(d => d is < 1 or > 1 << 15) || window.Pads.Any(p => p is < 0 or > 1 << 15))
            throw new ShapeFault($"input [{Join(x)}]: kernel [{Join(window.Kernel)}], strides [{Join(window.Strides)}], pads [{Join(window.Pads)}], dilations [{Join(window.Dilations)}] are no window");
    }

    private static int[] Windowed(int[] x, int channels, Window window, bool ceil)
    {
        int[] shape = [x[0], channels, .. x[2..]];
        for (var i = 0; i < window.Kernel.Length; i++)
        {
            long span = x[2 + i] + (long)window.Pads[i] + window.Pads[i + window.Kernel.Length];
            if (x[2 + i] < 1 || span > int.MaxValue || span < window.Dilations[i] * (window.Kernel[i] - 1L) + 1)
                throw new ShapeFault($"kernel [{Join(window.Kernel)}] is larger than the padded input [{Join(x)}]");
            shape[2 + i] = window.OutputSize(i, x[2 + i], ceil);
        }
        return shape;
    }

    private static int[] GlobalPool(int[] x) =>
        x.Length > 2 ? [x[0], x[1], .. Enumerable.Repeat(1, x.Length - 2)] : throw new ShapeFault($"input [{Join(x)}] has no spatial axes");

    private static int[] Gathered(int axis, int[] data, ValueSpec indices)
    {
        var index = Axis(axis, data).Axis;
        if (indices.Type is not (ElementType.Int32 or ElementType.Int64))
            throw new ShapeFault($"indices of type {indices.Type} are not supported");
        return data[index] > 0 ? [.. data[..index], .. indices.Shape, .. data[(index + 1)..]] : throw new ShapeFault("cannot pick from the batch");
    }

    private static int[] LayerNormalized(LayerNormalization normalization, ValueSpec?[] inputs)
    {
        var (x, axis) = Axis(normalization.Axis, Float(inputs, 0));
        if (x[axis..].Any(d => d < 1))
            throw new ShapeFault("normalises over the batch");
        for (var i = 1; i < inputs.Length; i++)
            if (inputs[i] is not null && !Broadcast(x[axis..], Float(inputs, i)).AsSpan().SequenceEqual(x.AsSpan(axis)))
                throw new ShapeFault($"parameter [{Join(Float(inputs, i))}] does not fit [{Join(x[axis..])}]");
        return x;
    }

    private static int[] Resized(Resize resize, int[] x)
    {
        if (x.Length is not (3 or 4) || resize.Sizes.Length != x.Length - 2 || resize.Scales.Length != resize.Sizes.Length || resize.Sizes.Any(s => s < 1) || resize.Scales.Any(s => !(s > 0)))
            throw new ShapeFault($"cannot resize [{Join(x)}] to [{Join(resize.Sizes)}]");
        return [x[0], x[1], .. resize.Sizes];
    }

    private static int[] Reduced(ReduceOperator reduce, int[] x)
    {
        var reduced = reduce.Axes.Select(a => Axis(a, x).Axis).ToHashSet();
        if (reduced.Any(a => x[a] < 0))
            throw new ShapeFault("reduces over the batch, which is not supported");
        return [.. x.Select((d, i) => (d, i)).Where(p => reduce.KeepDims || !reduced.Contains(p.i)).Select(p => reduced.Contains(p.i) ? 1 : p.d)];
    }

    private static int[] Flattened(int axis, int[] x)
    {
        var split = axis < 0 ? axis + x.Length : axis;
        if (split < 0 || split > x.Length)
            throw new ShapeFault($"axis {axis} is outside [{Join(x)}]");
        return [Narrow(Elements(x.AsSpan(0, split))), Narrow(Elements(x.AsSpan(split)))];
    }

    private static int[] Transposed(int[] permutation, int[] x)
    {
        if (!permutation.Order().SequenceEqual(Enumerable.Range(0, x.Length)))
            throw new ShapeFault($"[{Join(permutation)}] is no permutation of the axes of [{Join(x)}]");
        return Array.ConvertAll(permutation, p => x[p]);
    }

    private static int[] Padded(int[] pads, int[] x)
    {
        if (pads.Length != 2 * x.Length)
            throw new ShapeFault($"{pads.Length} pads do not fit [{Join(x)}]");
        var shape = x.ToArray();
        for (var i = 0; i < x.Length; i++)
        {
            var (begin, end) = (pads[i], pads[i + x.Length]);
            if (begin == 0 && end == 0)
                continue;
            if (x[i] < 0 || begin < 0 || end < 0 || (long)x[i] + begin + end > int.MaxValue)
                throw new ShapeFault($"pads [{Join(pads)}] of [{Join(x)}] are not supported: no negative pads, none on the batch");
            shape[i] += begin + end;
        }
        return shape;
    }

    private static int[] Dequantized(int axis, ValueSpec?[] inputs)
    {
        var type = Value(inputs, 0).Type;
        if (type is not (ElementType.UInt8 or ElementType.Int8 or ElementType.Int32) || Value(inputs, 2).Type != type)
            throw new ShapeFault($"cannot dequantize {type} with a zero point of type {Value(inputs, 2).Type}");
        return Quantized(axis, Value(inputs, 0).Shape, inputs);
    }

    /// <summary>The shape of x, if scale and zero point are one number or one for each element along the axis.</summary>
    private static int[] Quantized(int axis, int[] x, ValueSpec?[] inputs)
    {
        var (scales, zeros) = (Elements(Float(inputs, 1)), Elements(Value(inputs, 2).Shape));
        if (scales != zeros || scales < 1 || scales > 1 && x[Axis(axis, x).Axis] != scales)
            throw new ShapeFault($"{scales} scales and {zeros} zero points do not fit [{Join(x)}] along axis {axis}");
        return x;
    }

    private static ElementType QuantizedType(ElementType type) =>
        type is ElementType.UInt8 or ElementType.Int8 ? type : throw new ShapeFault($"cannot quantize to {type}");

    private static (int[] Shape, int Axis) Axis(int axis, int[] shape)
    {
        var index = axis < 0 ? axis + shape.Length : axis;
        return index >= 0 && index < shape.Length ? (shape, index) : throw new ShapeFault($"axis {axis} is outside [{Join(shape)}]");
    }

    private static ElementType SameType(ValueSpec?[] inputs)
    {
        var type = Value(inputs, 0).Type;
        for (var i = 1; i < inputs.Length; i++)
            if (Value(inputs, i).Type != type)
                throw new ShapeFault($"operands are of type {type} and {Value(inputs, i).Type}");
        return type;
    }

    internal static int[] Float(ValueSpec?[] inputs, int index) => Typed(inputs, index, ElementType.Float32);

    internal static int[] Typed(ValueSpec?[] inputs, int index, ElementType type) =>
        Value(inputs, index) is var value && value.Type == type
            ? value.Shape
            : throw new ShapeFault($"input {index} is {Value(inputs, index).Type}, not {type}");

    private static ValueSpec Value(ValueSpec?[] inputs, int index) =>
        index < inputs.Length && inputs[index] is { } value ? value : throw new ShapeFault($"input {index} is missing");

    private static long Elements(ReadOnlySpan<int> shape)
    {
        // Two batch dimensions would multiply to a positive count; no operator of the IR makes a second one.
        long count = 1;
        foreach (var dimension in shape)
            count = Math.Clamp(count * dimension, -MaxElements * 2, MaxElements * 2);
        return count;
    }

    private static int Narrow(long count) => Math.Abs(count) <= MaxElements ? (int)count : throw new ShapeFault("the result is too large");

    private static string Join(int[] shape) => string.Join(',', shape);
}
