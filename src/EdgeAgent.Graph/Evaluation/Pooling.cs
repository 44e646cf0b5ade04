using System.Numerics;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Max, average and global pools, and the mean over given axes.</summary>
internal static class Pooling
{
    public static void Max(Plane plane, Tensor x, Tensor y, ParallelOptions parallel) => Windows(plane, x, y, parallel, (source, width, area, _) =>
    {
        var max = float.NegativeInfinity;
        for (var row = area.Y0; row < area.Y1; row += plane.DilationY)
            for (var column = area.X0; column < area.X1; column += plane.DilationX)
                max = MathF.Max(max, source[row * width + column]);
        return max;
    });

    /// <summary>With <paramref name="includePad"/> the padding counts in the divisor, but not what ceil mode adds beyond it.</summary>
    public static void Average(Plane plane, bool includePad, Tensor x, Tensor y, ParallelOptions parallel) => Windows(plane, x, y, parallel, (source, width, area, padded) =>
    {
        // In float32 as engines do it: where the average of integers is a tie, even that rounding tells.
        var (sum, count) = (0f, 0);
        for (var row = area.Y0; row < area.Y1; row += plane.DilationY)
            for (var column = area.X0; column < area.X1; column += plane.DilationX, count++)
                sum += source[row * width + column];
        return sum / (includePad ? padded : count);
    });

    /// <summary>y [N, C, 1...] is the mean of every plane of x.</summary>
    public static void GlobalAverage(Tensor x, Tensor y, ParallelOptions parallel)
    {
        var (source, target, size) = (x.Floats, y.Floats, x.Count / Math.Max(1, y.Count));
        Parallel.For(0, target.Length, parallel, i => target[i] = (float)(Sum(source.AsSpan(i * size, size)) / size));
    }

    public static void GlobalMax(Tensor x, Tensor y, ParallelOptions parallel)
    {
        var (source, target, size) = (x.Floats, y.Floats, x.Count / Math.Max(1, y.Count));
        Parallel.For(0, target.Length, parallel, i =>
        {
            var max = float.NegativeInfinity;
            foreach (var value in source.AsSpan(i * size, size))
                max = MathF.Max(max, value);
            target[i] = max;
        });
    }

    /// <summary>Mean over <paramref name="axes"/> (not negative); sums are kept in double precision.</summary>
    public static void Mean(int[] axes, Tensor x, Tensor y)
    {
        var kept = x.Shape.Select((d, i) => axes.Contains(i) ? 1 : d).ToArray();
        var sums = new double[y.Count];
        var targets = Broadcasting.Indices(kept, x.Shape);
        for (var i = 0; i < targets.Length; i++)
            sums[targets[i]] += x.Floats[i];
        var count = (double)x.Count / Math.Max(1, y.Count);
        for (var i = 0; i < sums.Length; i++)
            y.Floats[i] = (float)(sums[i] / count);
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        var sums = Vector<double>.Zero;
        var i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(values[i..]), out var low, out var high);
            sums += low + high;
        }
        var sum = Vector.Sum(sums);
        for (; i < values.Length; i++)
            sum += values[i];
        return sum;
    }

    /// <summary>Calls <paramref name="reduce"/> for every output with the part of the window that lies on the input, and the number of
    /// window positions on the padded input.</summary>
    private static void Windows(Plane plane, Tensor x, Tensor y, ParallelOptions parallel, Reduction reduce)
    {
        var (height, width) = Plane.Sizes(x.Shape);
        var (outHeight, outWidth) = Plane.Sizes(y.Shape);
        Parallel.For(0, x.Shape[0] * x.Shape[1], parallel, index =>
        {
            var source = x.Floats.AsSpan(index * height * width, height * width);
            var target = y.Floats.AsSpan(index * outHeight * outWidth, outHeight * outWidth);
            for (var oy = 0; oy < outHeight; oy++)
            {
                var (y0, y1, rows) = Clip(oy * plane.StrideY - plane.Top, plane.KernelHeight, plane.DilationY, height, plane.Bottom);
                for (var ox = 0; ox < outWidth; ox++)
                {
                    var (x0, x1, columns) = Clip(ox * plane.StrideX - plane.Left, plane.KernelWidth, plane.DilationX, width, plane.Right);
                    target[oy * outWidth + ox] = reduce(source, width, new(y0, y1, x0, x1), rows * columns);
                }
            }
        });
    }

    private static (int Start, int End, int Padded) Clip(int start, int kernel, int dilation, int size, int endPad)
    {
        var end = Math.Min(start + (kernel - 1) * dilation + 1, size + endPad);
        var padded = (end - start + dilation - 1) / dilation;
        // The first position on the input keeps the phase of the dilation.
        var first = start < 0 ? start + (-start + dilation - 1) / dilation * dilation : start;
        return (first, Math.Min(end, size), padded);
    }

    private readonly record struct Area(int Y0, int Y1, int X0, int X1);

    private delegate float Reduction(ReadOnlySpan<float> plane, int width, Area area, int paddedCount);
}
