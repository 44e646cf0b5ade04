using System.Numerics;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Elements of one plane under a window.</summary>
/// <param name="Inside">Indices into the whole tensor.</param>
/// <param name="PaddedCount">Positions on the input with its padding.</param>
internal readonly record struct SimulatedWindow(List<int> Inside, int PaddedCount);

/// <summary>Sums of products and windows of the simulation, exact in float64.</summary>
internal static class SimulatedPatches
{
    /// <summary>bias + sum (q - z) * w as [M, positions]; padding contributes nothing, for it holds the zero point.</summary>
    public static double[] Convolution(Conv conv, SimulatedTensor x, QuantizedWeights weights, int[] shape)
    {
        var plane = Plane.Of(conv.Window);
        var (height, width) = Plane.Sizes(x.Shape);
        var (outHeight, outWidth) = Plane.Sizes(shape);
        var (outputs, depth) = (weights.Shape[0], weights.Values.Length / weights.Shape[0]);
        var (channels, perGroup) = (x.Shape[1] / conv.Groups, outputs / conv.Groups);
        var (values, w) = (x.Centred(), Array.ConvertAll(weights.Values, v => (double)v));
        var accumulators = new double[outputs * outHeight * outWidth];
        var patch = new double[depth];
        for (var group = 0; group < conv.Groups; group++)
            for (var position = 0; position < outHeight * outWidth; position++)
            {
                var (oy, ox) = Math.DivRem(position, outWidth);
                var k = 0;
                for (var c = group * channels; c < (group + 1) * channels; c++)
                    for (var ky = 0; ky < plane.KernelHeight; ky++)
                        for (var kx = 0; kx < plane.KernelWidth; kx++, k++)
                        {
                            var y = oy * plane.StrideY - plane.Top + ky * plane.DilationY;
                            var column = ox * plane.StrideX - plane.Left + kx * plane.DilationX;
                            patch[k] = y >= 0 && y < height && column >= 0 && column < width ? values[(c * height + y) * width + column] : 0;
                        }
                for (var m = group * perGroup; m < (group + 1) * perGroup; m++)
                    accumulators[m * outHeight * outWidth + position] = weights.Bias[m] + Dot(patch, w.AsSpan(m * depth, depth));
            }
        return accumulators;
    }

    /// <summary>As a convolution over all elements, in [C, H, W] order.</summary>
    public static double[] Dense(SimulatedTensor x, QuantizedWeights weights)
    {
        var values = x.Centred();
        var w = Array.ConvertAll(weights.Values, v => (double)v);
        var accumulators = new double[weights.Shape[0]];
        for (var m = 0; m < accumulators.Length; m++)
            accumulators[m] = weights.Bias[m] + Dot(values, w.AsSpan(m * values.Length, values.Length));
        return accumulators;
    }

    /// <summary>The windows of a pool, in the order of its outputs.</summary>
    public static IEnumerable<SimulatedWindow> Windows(Window window, SimulatedTensor x, int[] shape)
    {
        var plane = Plane.Of(window);
        var (height, width) = Plane.Sizes(x.Shape);
        var (outHeight, outWidth) = Plane.Sizes(shape);
        for (var c = 0; c < x.Shape[1]; c++)
            for (var oy = 0; oy < outHeight; oy++)
                for (var ox = 0; ox < outWidth; ox++)
                {
                    var (inside, padded) = (new List<int>(plane.KernelSize), 0);
                    for (var ky = 0; ky < plane.KernelHeight; ky++)
                        for (var kx = 0; kx < plane.KernelWidth; kx++)
                        {
                            var (y, column) = (oy * plane.StrideY - plane.Top + ky * plane.DilationY, ox * plane.StrideX - plane.Left + kx * plane.DilationX);
                            if (y < height + plane.Bottom && column < width + plane.Right)
                                padded++;
                            if (y >= 0 && y < height && column >= 0 && column < width)
                                inside.Add((c * height + y) * width + column);
                        }
                    yield return new(inside, padded);
                }
    }

    /// <summary>One window for every channel that sees all of its plane.</summary>
    public static IEnumerable<SimulatedWindow> WholePlanes(SimulatedTensor x)
    {
        var size = x.Integers.Length / x.Shape[1];
        return Enumerable.Range(0, x.Shape[1]).Select(c => new SimulatedWindow([.. Enumerable.Range(c * size, size)], size));
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sums = Vector<double>.Zero;
        var i = 0;
        for (; i <= a.Length - Vector<double>.Count; i += Vector<double>.Count)
            sums += new Vector<double>(a[i..]) * new Vector<double>(b[i..]);
        var sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
