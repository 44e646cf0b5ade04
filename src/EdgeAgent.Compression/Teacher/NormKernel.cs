using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static EdgeAgent.Compression.Runtime.Bfloat16Memory;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// Passes over [pixels, channels] in bfloat16, for a batch-norm and what may follow it: + residual, ReLU.
/// libtorch vectorizes such memory over channels, and computes the few of a narrow student one by one: for 13 channels of 32x32 pixels
/// its batch-norm takes more than twice the time of the convolution. Here a vector covers channels and pixels: after
/// 16 / gcd(channels, 16) pixels the channels of the lanes repeat, and so do the coefficients.
/// Sums are of fixed ranges of pixels, in their order: they do not depend on the number of threads.
/// </summary>
internal static unsafe class NormKernel
{
    /// <summary>Elements that are summed lane by lane: they stay in the first cache.</summary>
    private const int ChunkElements = 4096;

    /// <summary>Two sums for each channel: of x - center, and of its square.</summary>
    public static (double[] Sums, double[] Squares) Moments(ushort* x, int pixels, ReadOnlySpan<float> center, int threads)
    {
        var shape = new Shape(pixels, center.Length);
        var tiled = shape.Tiled(center);
        return Summed(shape, threads, (first, count, sums, squares) =>
        {
            var from = x + first * (long)shape.Channels;
            for (var lane = 0; lane < shape.Tile; lane += Lanes)
            {
                var middle = Vector512.LoadUnsafe(ref tiled[lane]);
                Vector512<float> s0 = default, s1 = default, q0 = default, q1 = default;
                var t = 0;
                for (; t + 1 < count; t += 2)
                {
                    var (a, b) = (Load(from + t * shape.Tile + lane) - middle, Load(from + (t + 1) * shape.Tile + lane) - middle);
                    (s0, s1) = (s0 + a, s1 + b);
                    (q0, q1) = (Vector512.FusedMultiplyAdd(a, a, q0), Vector512.FusedMultiplyAdd(b, b, q1));
                }
                if (t < count)
                {
                    var a = Load(from + t * shape.Tile + lane) - middle;
                    (s0, q0) = (s0 + a, Vector512.FusedMultiplyAdd(a, a, q0));
                }
                Accumulate(s0 + s1, sums + lane);
                Accumulate(q0 + q1, squares + lane);
            }
        },
        (pixel, channel) =>
        {
            var a = ToFloat(x[pixel * (long)shape.Channels + channel]) - tiled[channel];
            return (a, a * a);
        });
    }

    /// <summary>y = activation(scale x + shift + residual).</summary>
    /// <param name="residual">Null where there is none.</param>
    public static void Apply(ushort* x, ushort* residual, ushort* y, int pixels, NormCoefficients norm, int threads)
    {
        if (norm.Relu)
            if (residual is null) Apply<Yes, No>(x, residual, y, pixels, norm, threads);
            else Apply<Yes, Yes>(x, residual, y, pixels, norm, threads);
        else if (residual is null) Apply<No, No>(x, residual, y, pixels, norm, threads);
        else Apply<No, Yes>(x, residual, y, pixels, norm, threads);
    }

    /// <summary>Two sums for each channel: of the gradient behind the activation, and of its product with x - mean.</summary>
    public static (double[] Sums, double[] Products) GradientSums(ushort* x, ushort* residual, ushort* gradient, int pixels, NormCoefficients norm, int threads)
    {
        if (norm.Relu)
            return residual is null ? GradientSums<Yes, No>(x, residual, gradient, pixels, norm, threads) : GradientSums<Yes, Yes>(x, residual, gradient, pixels, norm, threads);
        return GradientSums<No, No>(x, residual, gradient, pixels, norm, threads);
    }

    /// <summary>dx = a g + b x + c for the gradient g behind the activation, which is that of the residual.</summary>
    /// <param name="toResidual">Null where there is none, or where it is the gradient itself.</param>
    public static void Gradient(ushort* x, ushort* residual, ushort* gradient, ushort* toX, ushort* toResidual, int pixels, NormCoefficients norm, float[] a, float[] b, float[] c, int threads)
    {
        if (norm.Relu)
            if (residual is null) Gradient<Yes, No>(x, residual, gradient, toX, toResidual, pixels, norm, a, b, c, threads);
            else Gradient<Yes, Yes>(x, residual, gradient, toX, toResidual, pixels, norm, a, b, c, threads);
        else Gradient<No, No>(x, residual, gradient, toX, toResidual, pixels, norm, a, b, c, threads);
    }

    private static void Apply<TRelu, TResidual>(ushort* x, ushort* residual, ushort* y, int pixels, NormCoefficients norm, int threads)
        where TRelu : IChoice
        where TResidual : IChoice
    {
        var shape = new Shape(pixels, norm.Scale.Length);
        var (scales, shifts) = (shape.Tiled(norm.Scale), shape.Tiled(norm.Shift));
        ForRanges(shape.Count, shape.Pixels, shape.Channels, threads, (_, first, count) =>
        {
            var (i, end) = (first * (long)shape.Channels, (first + count) * (long)shape.Channels);
            fixed (float* scaleOf = scales, shiftOf = shifts)
                for (; i + shape.Tile <= end; i += shape.Tile)
                    for (var lane = 0; lane < shape.Tile; lane += Lanes)
                    {
                        var z = Vector512.FusedMultiplyAdd(Load(x + i + lane), Vector512.Load(scaleOf + lane), Vector512.Load(shiftOf + lane));
                        if (TResidual.On)
                            z += Load(residual + i + lane);
                        if (TRelu.On)
                            z = Avx512F.Max(Vector512<float>.Zero, z); // Of a number and NaN it gives the second.
                        Store(z, y + i + lane);
                    }
            for (; i < end; i++)
            {
                var channel = (int)(i % shape.Channels);
                var z = MathF.FusedMultiplyAdd(ToFloat(x[i]), scales[channel], shifts[channel]) + (TResidual.On ? ToFloat(residual[i]) : 0);
                y[i] = ToBfloat16(TRelu.On && z < 0 ? 0 : z);
            }
        });
    }

    private static (double[] Sums, double[] Products) GradientSums<TRelu, TResidual>(ushort* x, ushort* residual, ushort* gradient, int pixels, NormCoefficients norm, int threads)
        where TRelu : IChoice
        where TResidual : IChoice
    {
        var shape = new Shape(pixels, norm.Scale.Length);
        float[] scales = shape.Tiled(norm.Scale), shifts = shape.Tiled(norm.Shift), means = shape.Tiled(norm.Mean);
        return Summed(shape, threads, (first, count, sums, products) =>
        {
            var offset = first * (long)shape.Channels;
            for (var lane = 0; lane < shape.Tile; lane += Lanes)
            {
                var (scale, shift, mean) = (Vector512.LoadUnsafe(ref scales[lane]), Vector512.LoadUnsafe(ref shifts[lane]), Vector512.LoadUnsafe(ref means[lane]));
                Vector512<float> s = default, p = default;
                for (var t = 0; t < count; t++)
                {
                    var place = offset + t * shape.Tile + lane;
                    var value = Load(x + place);
                    var g = Behind<TRelu, TResidual>(value, residual + place, Load(gradient + place), scale, shift);
                    s += g;
                    p = Vector512.FusedMultiplyAdd(g, value - mean, p);
                }
                Accumulate(s, sums + lane);
                Accumulate(p, products + lane);
            }
        },
        (pixel, channel) =>
        {
            var i = pixel * (long)shape.Channels + channel;
            var g = Behind<TRelu, TResidual>(i, channel, x, residual, gradient, scales, shifts);
            return (g, g * (ToFloat(x[i]) - means[channel]));
        });
    }

    private static void Gradient<TRelu, TResidual>(ushort* x, ushort* residual, ushort* gradient, ushort* toX, ushort* toResidual, int pixels, NormCoefficients norm, float[] a, float[] b, float[] c, int threads)
        where TRelu : IChoice
        where TResidual : IChoice
    {
        var shape = new Shape(pixels, norm.Scale.Length);
        float[] scales = shape.Tiled(norm.Scale), shifts = shape.Tiled(norm.Shift);
        (a, b, c) = (shape.Tiled(a), shape.Tiled(b), shape.Tiled(c));
        ForRanges(shape.Count, shape.Pixels, shape.Channels, threads, (_, first, count) =>
        {
            var (i, end) = (first * (long)shape.Channels, (first + count) * (long)shape.Channels);
            fixed (float* scaleOf = scales, shiftOf = shifts, ofGradient = a, ofX = b, constant = c)
                for (; i + shape.Tile <= end; i += shape.Tile)
                    for (var lane = 0; lane < shape.Tile; lane += Lanes)
                    {
                        var value = Load(x + i + lane);
                        var g = Behind<TRelu, TResidual>(value, residual + i + lane, Load(gradient + i + lane), Vector512.Load(scaleOf + lane), Vector512.Load(shiftOf + lane));
                        if (TResidual.On)
                            Store(g, toResidual + i + lane);
                        Store(Vector512.FusedMultiplyAdd(g, Vector512.Load(ofGradient + lane), Vector512.FusedMultiplyAdd(value, Vector512.Load(ofX + lane), Vector512.Load(constant + lane))), toX + i + lane);
                    }
            for (; i < end; i++)
            {
                var channel = (int)(i % shape.Channels);
                var g = Behind<TRelu, TResidual>(i, channel, x, residual, gradient, scales, shifts);
                if (TResidual.On)
                    toResidual[i] = ToBfloat16(g);
                toX[i] = ToBfloat16(MathF.FusedMultiplyAdd(g, a[channel], MathF.FusedMultiplyAdd(ToFloat(x[i]), b[channel], c[channel])));
            }
        });
    }

    /// <summary>The gradient behind the activation: that of the result where it is positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Behind<TRelu, TResidual>(Vector512<float> x, ushort* residual, Vector512<float> gradient, Vector512<float> scale, Vector512<float> shift)
        where TRelu : IChoice
        where TResidual : IChoice
    {
        if (!TRelu.On)
            return gradient;
        var z = Vector512.FusedMultiplyAdd(x, scale, shift);
        if (TResidual.On)
            z += Load(residual);
        return Vector512.GreaterThan(z, Vector512<float>.Zero) & gradient;
    }

    private static float Behind<TRelu, TResidual>(long i, int channel, ushort* x, ushort* residual, ushort* gradient, float[] scales, float[] shifts)
        where TRelu : IChoice
        where TResidual : IChoice
    {
        var z = MathF.FusedMultiplyAdd(ToFloat(x[i]), scales[channel], shifts[channel]) + (TResidual.On ? ToFloat(residual[i]) : 0);
        return TRelu.On && !(z > 0) ? 0 : ToFloat(gradient[i]);
    }

    /// <summary>Adds what a chunk's tiles sum up to, for every element of a tile, to both.</summary>
    private delegate void TileSums(int firstPixel, int tiles, double* first, double* second);

    /// <summary>Both sums for each channel: single precision within a chunk, double beyond it.</summary>
    private static (double[] First, double[] Second) Summed(Shape shape, int threads, TileSums tileSums, Func<int, int, (float First, float Second)> one)
    {
        var channels = shape.Channels;
        var (firsts, seconds) = (new double[Ranges * channels], new double[Ranges * channels]);
        ForRanges(shape.Count, shape.Pixels, shape.Channels, threads, (range, first, count) =>
        {
            double[] a = ArrayPool<double>.Shared.Rent(shape.Tile), b = ArrayPool<double>.Shared.Rent(shape.Tile);
            Array.Clear(a);
            Array.Clear(b);
            Span<double> toFirst = firsts.AsSpan(range * channels, channels), toSecond = seconds.AsSpan(range * channels, channels);
            fixed (double* sumsOf = a, secondsOf = b)
                for (var at = first; at < first + count; at += shape.Chunk)
                {
                    var length = Math.Min(shape.Chunk, first + count - at);
                    var tiles = length / shape.Pixels;
                    tileSums(at, tiles, sumsOf, secondsOf);
                    for (var pixel = at + tiles * shape.Pixels; pixel < at + length; pixel++)
                        for (var c = 0; c < channels; c++)
                        {
                            var (x, y) = one(pixel, c);
                            toFirst[c] += x;
                            toSecond[c] += y;
                        }
                }
            for (var i = 0; i < shape.Tile; i++)
            {
                toFirst[i % channels] += a[i];
                toSecond[i % channels] += b[i];
            }
            ArrayPool<double>.Shared.Return(a);
            ArrayPool<double>.Shared.Return(b);
        });
        for (var range = 1; range < Ranges; range++)
            for (var c = 0; c < channels; c++)
            {
                firsts[c] += firsts[range * channels + c];
                seconds[c] += seconds[range * channels + c];
            }
        return (firsts[..channels], seconds[..channels]);
    }

    /// <summary>Adds each lane to the number of its element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(Vector512<float> value, double* to)
    {
        (Vector512.Load(to) + Avx512F.ConvertToVector512Double(value.GetLower())).Store(to);
        (Vector512.Load(to + Lanes / 2) + Avx512F.ConvertToVector512Double(value.GetUpper())).Store(to + Lanes / 2);
    }

    /// <summary>A constant that a generic method is compiled for.</summary>
    private interface IChoice
    {
        static abstract bool On { get; }
    }

    private readonly struct Yes : IChoice
    {
        public static bool On => true;
    }

    private readonly struct No : IChoice
    {
        public static bool On => false;
    }

    /// <summary>How pixels and channels fall into vectors.</summary>
    private sealed class Shape
    {
        public Shape(int count, int channels)
        {
            (Count, Channels) = (count, channels);
            var gcd = Lanes;
            while (channels % gcd != 0)
                gcd /= 2;
            Pixels = Lanes / gcd;
            Tile = Pixels * channels;
            Chunk = Math.Max(1, ChunkElements / Tile) * Pixels;
        }

        /// <summary>Pixels in all.</summary>
        public int Count { get; }

        public int Channels { get; }

        /// <summary>Pixels of a tile.</summary>
        public int Pixels { get; }

        /// <summary>Elements of a tile: whole vectors.</summary>
        public int Tile { get; }

        /// <summary>Pixels of a chunk: whole tiles.</summary>
        public int Chunk { get; }

        /// <summary>The coefficient of each element of a tile.</summary>
        public float[] Tiled(ReadOnlySpan<float> coefficients)
        {
            var tiled = new float[Tile];
            for (var pixel = 0; pixel < Pixels; pixel++)
                coefficients.CopyTo(tiled.AsSpan(pixel * Channels));
            return tiled;
        }
    }
}

/// <summary>A batch-norm as it was applied: x -> scale x + shift with scale = gamma / deviation and shift = beta - scale mean.</summary>
/// <param name="Mean">Of the batch, for each channel.</param>
/// <param name="Relu">Whether negative results became zero.</param>
internal sealed record NormCoefficients(float[] Scale, float[] Shift, float[] Mean, bool Relu);
