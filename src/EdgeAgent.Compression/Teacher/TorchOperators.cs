using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Ir;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Operators of the IR on libtorch that are no layer: element by element, along axes, and those that move elements.</summary>
internal static class TorchOperators
{
    /// <summary>Of bfloat16. An absent bound is written as float32's largest number, which libtorch refuses to round to it.</summary>
    private const double Largest = 3.3895313892515355e38;

    public static Tensor Unary(UnaryOperator op, Tensor x) => op switch
    {
        Abs => x.abs(),
        Ceil => x.ceil(),
        Clip clip => x.Within(Math.Max(clip.Min, -Largest), Math.Min(clip.Max, Largest)),
        Cos => x.cos(),
        Elu elu => Elu(x, elu.Alpha),
        Erf => x.erf(),
        Exp => x.exp(),
        Floor => x.floor(),
        HardSigmoid hard => x.Times(hard.Alpha).Plus(hard.Beta).Within(0, 1),
        HardSwish => nn.functional.hardswish(x),
        LeakyRelu leaky => x.Leaky(leaky.Alpha),
        Log => x.log(),
        Neg => x.neg(),
        Reciprocal => x.reciprocal(),
        Relu => x.relu(),
        Round => x.round(),
        Selu selu => Elu(x, selu.Alpha).Times(selu.Gamma),
        Sigmoid => x.sigmoid(),
        Sign => x.sign(),
        Sin => x.sin(),
        Softplus => x.AtLeast(0).Plus(x.abs().neg().exp().log1p()),
        Softsign => x.div(x.abs().Plus(1)),
        Sqrt => x.sqrt(),
        Tanh => x.tanh(),
        ThresholdedRelu thresholded => x.mul(x.Above(thresholded.Alpha)),
        _ => throw new NotSupportedException($"operator {op.Type} cannot be trained"),
    };

    /// <summary>The whole result, of which the pads are cut off; in float32 and over two axes, which libtorch's kernels are tried best in.</summary>
    public static Tensor Enlarged(ConvTranspose conv, Tensor x, Tensor weight, Tensor? bias)
    {
        var (window, axes) = (conv.Window, conv.Window.Kernel.Length);
        var single = axes == 1;
        long[] Both(int[] values) => single ? [1, values[0]] : [values[0], values[1]];
        (x, weight) = (TorchGraph.Float(single ? x.unsqueeze(2) : x), TorchGraph.Float(single ? weight.unsqueeze(2) : weight));
        var y = nn.functional.conv_transpose2d(x, weight, null, Both(window.Strides), [0, 0], [0, 0], Both(window.Dilations), conv.Groups);
        y = single ? y.squeeze(2) : y;
        var missing = new int[2 * (axes + 2)];
        for (var i = 0; i < axes; i++)
        {
            var (from, size) = (window.Pads[i], y.shape[2 + i] - window.Pads[i] - window.Pads[i + axes] + conv.OutputPads[i]);
            missing[axes + 4 + i] = (int)Math.Max(0, from + size - y.shape[2 + i]);
            y = y.narrow(2 + i, from, size - missing[axes + 4 + i]);
        }
        y = Pools.Pad(y, missing, 0);
        return bias is null ? y : y.Plus(TorchGraph.Float(bias).reshape([-1, .. Enumerable.Repeat(1L, axes)]));
    }

    /// <summary>A float32 constant must not lift a bfloat16 activation back to float32.</summary>
    public static Tensor Binary(BinaryOperator op, Tensor a, Tensor b)
    {
        if (a.dtype != b.dtype)
            (a, b) = a.numel() >= b.numel() ? (a, b.to(a.dtype)) : (a.to(b.dtype), b);
        return op switch
        {
            Add => a.Plus(b),
            Sub => a.sub(b),
            Mul => a.mul(b),
            Div when !a.is_floating_point() => a.div(b, RoundingMode.trunc),
            Div => a.div(b),
            Max => maximum(a, b),
            Min => minimum(a, b),
            Pow => a.pow(b),
            PRelu => a.AtLeast(0).Plus(a.AtMost(0).mul(b)),
            _ => throw new NotSupportedException($"operator {op.Type} cannot be trained"),
        };
    }

    public static Tensor Compared(Operator op, Tensor a, Tensor b) => op switch
    {
        Equal => a.eq(b),
        Greater => a.gt(b),
        GreaterOrEqual => a.ge(b),
        Less => a.lt(b),
        LessOrEqual => a.le(b),
        And => a.logical_and(b),
        Or => a.logical_or(b),
        Xor => a.logical_xor(b),
        _ => throw new NotSupportedException($"operator {op.Type} cannot be trained"),
    };

    public static Tensor Reduced(ReduceOperator op, Tensor x)
    {
        var axes = op.Axes.Select(a => a < 0 ? a + x.dim() : a).OrderDescending().ToArray();
        return op switch
        {
            ReduceSum => x.sum(axes, op.KeepDims),
            ReduceMax => x.amax(axes, op.KeepDims),
            ReduceMin => x.amin(axes, op.KeepDims),
            // The last axis first, so that the others keep their numbers.
            ReduceProd => axes.Aggregate(x, (product, axis) => product.prod(axis, op.KeepDims)),
            _ => throw new NotSupportedException($"operator {op.Type} cannot be trained"),
        };
    }

    /// <summary>In float32, as all normalisation.</summary>
    public static Tensor Normalized(LayerNormalization norm, Tensor x, Tensor scale, Tensor? bias)
    {
        x = TorchGraph.Float(x);
        var first = norm.Axis < 0 ? norm.Axis + x.dim() : norm.Axis;
        long[] axes = [.. Enumerable.Range((int)first, (int)(x.dim() - first)).Select(a => (long)a)];
        var centred = x.sub(Pools.Mean(x, axes, true));
        var y = centred.mul(Pools.Mean(centred.square(), axes, true).Plus(norm.Epsilon).rsqrt()).mul(scale);
        return bias is null ? y : y.Plus(bias);
    }

    public static Tensor Sliced(StridedSlice slice, Tensor x)
    {
        var ranges = SliceRanges.Of(slice, Array.ConvertAll(x.shape, d => (int)d));
        for (var axis = 0; axis < ranges.Length; axis++)
            if (!ranges[axis].IsWhole((int)x.shape[axis]))
                x = Picked(x, axis, [.. Enumerable.Range(0, ranges[axis].Count).Select(i => ranges[axis].Start + (long)i * ranges[axis].Step)]);
        return x.alias();
    }

    public static Tensor Gathered(int axis, Tensor data, Tensor indices)
    {
        axis = axis < 0 ? axis + (int)data.dim() : axis;
        var flat = indices.to(ScalarType.Int64).flatten();
        // Negative indices count from the end.
        flat = flat.Plus(flat.lt(zeros_like(flat)).to(ScalarType.Int64).Times(data.shape[axis]).to(ScalarType.Int64));
        return data.index_select(axis, flat).reshape([.. data.shape[..axis], .. indices.shape, .. data.shape[(axis + 1)..]]);
    }

    /// <param name="shape">1 keeps the input's size.</param>
    public static Tensor Expanded(long[] shape, Tensor x)
    {
        var rank = Math.Max(shape.Length, (int)x.dim());
        long At(IReadOnlyList<long> sizes, int axis) => axis - rank + sizes.Count is >= 0 and var i ? sizes[i] : 1;
        return x.broadcast_to([.. Enumerable.Range(0, rank).Select(axis => At(shape, axis) == 1 ? At(x.shape, axis) : At(shape, axis))]);
    }

    public static Tensor Resized(Resize resize, Tensor x)
    {
        for (var i = 0; i < resize.Sizes.Length; i++)
        {
            var axis = i + 2;
            var positions = ResizePositions.Of(resize, i, (int)x.shape[axis]);
            var low = Picked(x, axis, [.. positions.Select(p => (long)p.Low)]);
            if (Array.TrueForAll(positions, p => p.Share == 0))
            {
                x = low;
                continue;
            }
            var high = Picked(x, axis, [.. positions.Select(p => (long)p.High)]);
            var along = new long[x.dim()];
            Array.Fill(along, 1);
            along[axis] = positions.Length;
            var share = tensor(Array.ConvertAll(positions, p => p.Share)).reshape(along).to(x.dtype);
            x = low.Plus(high.sub(low).mul(share));
        }
        return x;
    }

    public static ScalarType TypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => ScalarType.Float32,
        ElementType.UInt8 => ScalarType.Byte,
        ElementType.Int8 => ScalarType.Int8,
        ElementType.Int32 => ScalarType.Int32,
        ElementType.Int64 => ScalarType.Int64,
        _ => ScalarType.Bool,
    };

    private static Tensor Elu(Tensor x, double alpha) => x.AtLeast(0).Plus(x.AtMost(0).exp().Plus(-1).Times(alpha));

    private static Tensor Picked(Tensor x, int axis, long[] indices) => x.index_select(axis, tensor(indices));
}
