using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Depthwise rows on 256-bit registers: eight channels of quads each.</summary>
internal readonly unsafe struct DepthwiseRow256<TDot> : IDepthwiseRow where TDot : struct, IDot256
{
    public static int ActivationOffset => 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Interleave(byte* a, byte* b, byte* c, byte* d, byte* to, int length)
    {
        for (var i = 0; i < length; i += 32, to += 128)
        {
            var (va, vb, vc, vd) = (Vector256.Load(a + i), Vector256.Load(b + i), Vector256.Load(c + i), Vector256.Load(d + i));
            var (abLow, cdLow) = (Avx2.UnpackLow(va, vb).AsInt16(), Avx2.UnpackLow(vc, vd).AsInt16());
            var (abHigh, cdHigh) = (Avx2.UnpackHigh(va, vb).AsInt16(), Avx2.UnpackHigh(vc, vd).AsInt16());
            var (q0, q4) = (Avx2.UnpackLow(abLow, cdLow), Avx2.UnpackHigh(abLow, cdLow)); // quads 0-3 and 16-19, 4-7 and 20-23
            var (q8, q12) = (Avx2.UnpackLow(abHigh, cdHigh), Avx2.UnpackHigh(abHigh, cdHigh));
            Avx2.Permute2x128(q0, q4, 0x20).AsByte().Store(to);
            Avx2.Permute2x128(q8, q12, 0x20).AsByte().Store(to + 32);
            Avx2.Permute2x128(q0, q4, 0x31).AsByte().Store(to + 64);
            Avx2.Permute2x128(q8, q12, 0x31).AsByte().Store(to + 96);
        }
    }

    public static void Compute(DepthwiseArguments* a)
    {
        if (a->Bands == 1 && a->KernelWidth == 3)
            ComputeThree(a);
        else
            ComputeAny(a);
    }

    public static void ComputePair(DepthwiseArguments* a)
    {
        for (var channel = 0; channel < a->Channels; channel += 8)
            if (a->Bands == 1 && a->KernelWidth == 3)
                ComputePairOfThree(a, channel);
            else
                ComputePairOfAny(a, channel);
    }

    /// <summary>Eight channels of both rows; all weights of a kernel of three columns stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputePairOfThree(DepthwiseArguments* a, int channel)
    {
        var w = a->Weights + channel * 4;
        var (w0, w1, w2) = (Vector256.Load(w), Vector256.Load(w + 64), Vector256.Load(w + 128));
        var (v0, v1, v2) = (Vector256.Load(w + 192), Vector256.Load(w + 256), Vector256.Load(w + 320));
        var bias = Vector256.Load(a->Bias + channel);
        var requantize = Avx2Requantize.OfPairs(a->Multipliers + channel, a->Low, a->High, a->Zero);
        var x = a->Columns + channel * 4;
        var y = a->Output + channel;
        nint column = a->ColumnStep;
        nint rowStep = a->OutputRowStep;
        var channels = a->Channels - channel;
        var two = a->Rows == 2;
        for (var pixel = a->Pixels; pixel > 0; pixel--, x += a->PixelStep, y += a->OutputStep)
        {
            var quads = Vector256.Load(x);
            var upper = TDot.Dot(bias, quads, w0);
            var lower = TDot.Dot(bias, quads, v0);
            quads = Vector256.Load(x + column);
            upper = TDot.Dot(upper, quads, w1);
            lower = TDot.Dot(lower, quads, v1);
            quads = Vector256.Load(x + 2 * column);
            upper = TDot.Dot(upper, quads, w2);
            lower = TDot.Dot(lower, quads, v2);
            var bytes = requantize.Apply(upper, lower);
            Lanes128.StoreLower(bytes, y, channels);
            if (two)
                Lanes128.StoreUpper(bytes, y + rowStep, channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputePairOfAny(DepthwiseArguments* a, int channel)
    {
        var bias = Vector256.Load(a->Bias + channel);
        var requantize = Avx2Requantize.OfPairs(a->Multipliers + channel, a->Low, a->High, a->Zero);
        var second = a->Bands * a->KernelWidth * 64;
        for (var pixel = 0; pixel < a->Pixels; pixel++)
        {
            var (upper, lower) = (bias, bias);
            var w = a->Weights + channel * 4;
            for (var band = 0; band < a->Bands; band++)
            {
                var x = a->Columns + (nint)pixel * a->PixelStep + (nint)band * a->BandStep + channel * 4;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                {
                    var quads = Vector256.Load(x);
                    upper = TDot.Dot(upper, quads, Vector256.Load(w));
                    lower = TDot.Dot(lower, quads, Vector256.Load(w + second));
                }
            }
            var bytes = requantize.Apply(upper, lower);
            var y = a->Output + (nint)pixel * a->OutputStep + channel;
            Lanes128.StoreLower(bytes, y, a->Channels - channel);
            if (a->Rows == 2)
                Lanes128.StoreUpper(bytes, y + a->OutputRowStep, a->Channels - channel);
        }
    }

    /// <summary>Up to 4x3 kernels, 16 channels: all weights stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeThree(DepthwiseArguments* a)
    {
        var (w0, w1) = (Vector256.Load(a->Weights), Vector256.Load(a->Weights + 32));
        var (w2, w3) = (Vector256.Load(a->Weights + 64), Vector256.Load(a->Weights + 96));
        var (w4, w5) = (Vector256.Load(a->Weights + 128), Vector256.Load(a->Weights + 160));
        var (bias0, bias1) = (Vector256.Load(a->Bias), Vector256.Load(a->Bias + 8));
        var requantize = Avx2Requantize.Of(a);
        var x = a->Columns;
        var y = a->Output;
        var channels = a->Channels;
        nint column = a->ColumnStep;
        for (var pixel = a->Pixels; pixel > 0; pixel--, x += a->PixelStep, y += a->OutputStep)
        {
            var acc0 = TDot.Dot(bias0, Vector256.Load(x), w0);
            var acc1 = TDot.Dot(bias1, Vector256.Load(x + 32), w1);
            acc0 = TDot.Dot(acc0, Vector256.Load(x + column), w2);
            acc1 = TDot.Dot(acc1, Vector256.Load(x + column + 32), w3);
            acc0 = TDot.Dot(acc0, Vector256.Load(x + 2 * column), w4);
            acc1 = TDot.Dot(acc1, Vector256.Load(x + 2 * column + 32), w5);
            Lanes128.Store(requantize.Apply(acc0, acc1), y, channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeAny(DepthwiseArguments* a)
    {
        var (bias0, bias1) = (Vector256.Load(a->Bias), Vector256.Load(a->Bias + 8));
        var requantize = Avx2Requantize.Of(a);
        for (var pixel = 0; pixel < a->Pixels; pixel++)
        {
            var (acc0, acc1) = (bias0, bias1);
            var w = a->Weights;
            for (var band = 0; band < a->Bands; band++)
            {
                var x = a->Columns + (nint)pixel * a->PixelStep + (nint)band * a->BandStep;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                {
                    acc0 = TDot.Dot(acc0, Vector256.Load(x), Vector256.Load(w));
                    acc1 = TDot.Dot(acc1, Vector256.Load(x + 32), Vector256.Load(w + 32));
                }
            }
            Lanes128.Store(requantize.Apply(acc0, acc1), a->Output + (nint)pixel * a->OutputStep, a->Channels);
        }
    }
}
