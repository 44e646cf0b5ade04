using EdgeAgent.Graph.Ir;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Pooling and padding with ONNX's meaning (unequal pads, pads above half a window, counted or not) on libtorch.</summary>
internal static class Pools
{
    public static Tensor Max(Tensor x, MaxPool pool)
    {
        var window = pool.Window;
        var axes = window.Kernel.Length;
        // -inf outside; explicit padding also covers the windows torch refuses (pad above half a kernel) and unequal sides.
        var padded = PadSpatial(x, window, pool.CeilMode, float.NegativeInfinity);
        return axes switch
        {
            2 => nn.functional.max_pool2d(padded, Longs(window.Kernel), Longs(window.Strides), [0, 0], Longs(window.Dilations), false),
            1 => nn.functional.max_pool2d(padded.unsqueeze(2), [1, window.Kernel[0]], [1, window.Strides[0]], [0, 0], [1, window.Dilations[0]], false).squeeze(2),
            _ => throw new NotSupportedException($"max pooling over {axes} axes cannot be trained; 1 and 2 are supported"),
        };
    }

    public static Tensor Average(Tensor x, AveragePool pool)
    {
        var window = pool.Window;
        var average = Plain(PadSpatial(x, window, pool.CeilMode, 0), window);
        if (window.Pads.All(p => p == 0) && !pool.CeilMode)
            return average;
        // Share of each window that counts: real pixels, or real and padded ones but not the overhang of ceil mode.
        using var _ = no_grad();
        var ones = torch.ones([1, 1, .. x.shape[2..]], x.dtype);
        var axes = window.Kernel.Length;
        if (pool.CountIncludePad)
            ones = Pad(ones, [0, 0, .. window.Pads[..axes], 0, 0, .. window.Pads[axes..]], 1);
        var without = pool.CountIncludePad ? window with { Pads = new int[2 * axes] } : window;
        var counted = Plain(PadSpatial(ones, without, pool.CeilMode, 0, x, window), window);
        return average.div(counted);
    }

    /// <summary>Mean over axes, accumulated and returned in float32.</summary>
    public static Tensor Mean(Tensor x, long[] axes, bool keepDimensions) => x.mean(axes, keepDimensions, ScalarType.Float32);

    /// <summary>Pads all axes; <paramref name="pads"/> are begins of all axes, then ends.</summary>
    public static Tensor Pad(Tensor x, int[] pads, double value)
    {
        var axes = pads.Length / 2;
        var reversed = new List<long>();
        // torch lists the last axis first, as (begin, end) pairs.
        for (var axis = axes - 1; axis >= 0; axis--)
            reversed.AddRange([pads[axis], pads[axis + axes]]);
        return reversed.All(p => p == 0) ? x.alias() : nn.functional.pad(x, reversed.ToArray(), PaddingModes.Constant, value);
    }

    private static Tensor Plain(Tensor x, Window window) => window.Kernel.Length switch
    {
        2 => nn.functional.avg_pool2d(x, Longs(window.Kernel), Longs(window.Strides)),
        1 => nn.functional.avg_pool2d(x.unsqueeze(2), [1, window.Kernel[0]], [1, window.Strides[0]]).squeeze(2),
        var axes => throw new NotSupportedException($"average pooling over {axes} axes cannot be trained; 1 and 2 are supported"),
    };

    private static Tensor PadSpatial(Tensor x, Window window, bool ceil, double value) => PadSpatial(x, window, ceil, value, x, window);

    private static Tensor PadSpatial(Tensor x, Window window, bool ceil, double value, Tensor sized, Window full)
    {
        var axes = window.Kernel.Length;
        var pads = new int[2 * axes + 4];
        for (var i = 0; i < axes; i++)
        {
            var size = (int)sized.shape[i + 2];
            var needed = (full.OutputSize(i, size, ceil) - 1) * full.Strides[i] + full.Dilations[i] * (full.Kernel[i] - 1) + 1;
            var overhang = Math.Max(0, needed - size - full.Pads[i] - full.Pads[i + axes]);
            pads[2 + i] = window.Pads[i];
            pads[4 + axes + i] = window.Pads[i + axes] + overhang;
        }
        return Pad(x, pads, value);
    }

    private static long[] Longs(int[] values) => Array.ConvertAll(values, v => (long)v);
}
