using System.Runtime.Intrinsics;
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
        var (values, w) = (x.Centred(), weights.Doubles);
        var accumulators = new double[outputs * outHeight * outWidth];
        var patch = new double[depth];
        for (var group = 0; group < conv.Groups; group++)
            for (var position = 0; position < outHeight * outWidth; position++)
            {
                var (oy, ox) = Math.DivRem(position, outWidth);
                var k = 0;
                for (var c = group * channels; c < (group + 1) * channels; c++)
                    for (var ky = 0; ky < plane.KernelHeight; ky++)
                    {
                        var y = oy * plane.StrideY - plane.Top + ky * plane.DilationY;
                        var row = y >= 0 && y < height ? values.AsSpan((c * height + y) * width, width) : [];
                        for (var kx = 0; kx < plane.KernelWidth; kx++, k++)
                        {
                            var column = ox * plane.StrideX - plane.Left + kx * plane.DilationX;
                            patch[k] = (uint)column < (uint)row.Length ? row[column] : 0;
                        }
                    }
                Products(patch, w, group * perGroup, (group + 1) * perGroup, weights.Bias, accumulators.AsSpan(position), outHeight * outWidth);
            }
        return accumulators;
    }

    /// <summary>As a convolution over all elements, in [C, H, W] order.</summary>
    public static double[] Dense(SimulatedTensor x, QuantizedWeights weights)
    {
        var values = x.Centred();
        var accumulators = new double[weights.Shape[0]];
        Products(values, weights.Doubles, 0, accumulators.Length, weights.Bias, accumulators, 1);
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

    /// <summary>bias + dot product with each of the rows [first, end) of the weights, to every <paramref name="step"/>-th target.</summary>
    private static void Products(double[] patch, double[] weights, int first, int end, int[] bias, Span<double> target, int step)
    {
        var depth = patch.Length;
        var m = first;
        for (; m <= end - 4; m += 4)
        {
            // Four rows at a time load the patch once. All sums are whole numbers below 2^53: order does not matter.
            ReadOnlySpan<double> r0 = weights.AsSpan(m * depth, depth), r1 = weights.AsSpan((m + 1) * depth, depth);
            ReadOnlySpan<double> r2 = weights.AsSpan((m + 2) * depth, depth), r3 = weights.AsSpan((m + 3) * depth, depth);
            Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default;
            var k = 0;
            for (; k <= depth - Vector512<double>.Count; k += Vector512<double>.Count)
            {
                var p = Vector512.Create(patch.AsSpan(k));
                s0 += p * Vector512.Create(r0[k..]);
                s1 += p * Vector512.Create(r1[k..]);
                s2 += p * Vector512.Create(r2[k..]);
                s3 += p * Vector512.Create(r3[k..]);
            }
            var (d0, d1, d2, d3) = (Vector512.Sum(s0), Vector512.Sum(s1), Vector512.Sum(s2), Vector512.Sum(s3));
            for (; k < depth; k++)
                (d0, d1, d2, d3) = (d0 + patch[k] * r0[k], d1 + patch[k] * r1[k], d2 + patch[k] * r2[k], d3 + patch[k] * r3[k]);
            target[m * step] = bias[m] + d0;
            target[(m + 1) * step] = bias[m + 1] + d1;
            target[(m + 2) * step] = bias[m + 2] + d2;
            target[(m + 3) * step] = bias[m + 3] + d3;
        }
        for (; m < end; m++)
        {
            var sum = 0.0;
            for (var k = 0; k < depth; k++)
                sum += patch[k] * weights[m * depth + k];
            target[m * step] = bias[m] + sum;
        }
    }
}
