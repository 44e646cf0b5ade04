using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Depthwise rows on 128-bit registers: four channels of quads each.</summary>
internal readonly unsafe struct DepthwiseRow128<TDot> : IDepthwiseRow where TDot : struct, IDot128
{
    public static int ActivationOffset => TDot.ActivationOffset;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Interleave(byte* a, byte* b, byte* c, byte* d, byte* to, int length)
    {
        var flip = Vector128.Create((byte)TDot.ActivationOffset);
        for (var i = 0; i < length; i += 16, to += 64)
        {
            var (va, vb) = (Vector128.Load(a + i) ^ flip, Vector128.Load(b + i) ^ flip);
            var (vc, vd) = (Vector128.Load(c + i) ^ flip, Vector128.Load(d + i) ^ flip);
            var (ab, cd) = (Lanes128.ZipLow(va, vb).AsUInt16(), Lanes128.ZipLow(vc, vd).AsUInt16());
            Lanes128.ZipLow(ab, cd).AsByte().Store(to);
            Lanes128.ZipHigh(ab, cd).AsByte().Store(to + 16);
            (ab, cd) = (Lanes128.ZipHigh(va, vb).AsUInt16(), Lanes128.ZipHigh(vc, vd).AsUInt16());
            Lanes128.ZipLow(ab, cd).AsByte().Store(to + 32);
            Lanes128.ZipHigh(ab, cd).AsByte().Store(to + 48);
        }
    }

    public static void Compute(DepthwiseArguments* a)
    {
        if (a->Bands == 1 && a->KernelWidth == 3)
            for (var channel = 0; channel < a->Channels; channel += 8)
                ComputeThree(a, channel);
        else
            ComputeAny(a);
    }

    /// <summary>Eight channels of kernels of up to 4x3: all weights stay in registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputeThree(DepthwiseArguments* a, int channel)
    {
        var w = a->Weights + channel * 4;
        var (u00, u01, u02) = (Vector128.Load(w), Vector128.Load(w + 64), Vector128.Load(w + 128));
        var (u10, u11, u12) = (Vector128.Load(w + 16), Vector128.Load(w + 80), Vector128.Load(w + 144));
        var (bias0, bias1) = (Vector128.Load(a->Bias + channel), Vector128.Load(a->Bias + channel + 4));
        var multipliers = a->Multipliers + channel;
        var (low, high, zero) = (a->Low, a->High, a->Zero);
        var x = a->Columns + channel * 4;
        var y = a->Output + channel;
        nint column = a->ColumnStep;
        nint pixelStep = a->PixelStep;
        nint outputStep = a->OutputStep;
        var channels = a->Channels - channel;
        // Two pixels at a time, whose bytes fill one register; a last one alone is computed twice.
        for (var pixels = a->Pixels; pixels > 0; pixels -= 2, x += 2 * pixelStep, y += 2 * outputStep)
        {
            var next = pixels > 1 ? x + pixelStep : x;
            var first0 = TDot.Dot(bias0, Vector128.Load(x), Vector128.Load(x + column), Vector128.Load(x + 2 * column), u00, u01, u02);
            var first1 = TDot.Dot(bias1, Vector128.Load(x + 16), Vector128.Load(x + column + 16), Vector128.Load(x + 2 * column + 16), u10, u11, u12);
            var second0 = TDot.Dot(bias0, Vector128.Load(next), Vector128.Load(next + column), Vector128.Load(next + 2 * column), u00, u01, u02);
            var second1 = TDot.Dot(bias1, Vector128.Load(next + 16), Vector128.Load(next + column + 16), Vector128.Load(next + 2 * column + 16), u10, u11, u12);
            var bytes = Requantize128.Apply(first0, first1, second0, second1, multipliers, multipliers, low, high, zero);
            Lanes128.StoreLower(bytes, y, channels);
            if (pixels > 1)
                Lanes128.StoreUpper(bytes, y + outputStep, channels);
        }
    }

    /// <summary>16 channels in four registers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputeAny(DepthwiseArguments* a)
    {
        for (var pixel = 0; pixel < a->Pixels; pixel++)
        {
            var (acc0, acc1) = (Vector128.Load(a->Bias), Vector128.Load(a->Bias + 4));
            var (acc2, acc3) = (Vector128.Load(a->Bias + 8), Vector128.Load(a->Bias + 12));
            var w = a->Weights;
            for (var band = 0; band < a->Bands; band++)
            {
                var x = a->Columns + (nint)pixel * a->PixelStep + (nint)band * a->BandStep;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                {
                    acc0 = TDot.Dot(acc0, Vector128.Load(x), Vector128.Load(w));
                    acc1 = TDot.Dot(acc1, Vector128.Load(x + 16), Vector128.Load(w + 16));
                    acc2 = TDot.Dot(acc2, Vector128.Load(x + 32), Vector128.Load(w + 32));
                    acc3 = TDot.Dot(acc3, Vector128.Load(x + 48), Vector128.Load(w + 48));
                }
            }
            var bytes = Requantize128.Apply(acc0, acc1, acc2, acc3, a->Multipliers, a->Multipliers + 8, a->Low, a->High, a->Zero);
            Lanes128.Store(bytes, a->Output + (nint)pixel * a->OutputStep, a->Channels);
        }
    }

    public static void ComputePair(DepthwiseArguments* a)
    {
        for (var channel = 0; channel < a->Channels; channel += 8)
            if (a->Bands == 1 && a->KernelWidth == 3)
                ComputePairOfThree(a, channel);
            else
                ComputePairOfAny(a, channel);
    }

    /// <summary>Eight channels of both rows; with the 32 registers of Arm all weights of a kernel of three columns stay in them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputePairOfThree(DepthwiseArguments* a, int channel)
    {
        var w = a->Weights + channel * 4;
        var (u00, u01, u02) = (Vector128.Load(w), Vector128.Load(w + 64), Vector128.Load(w + 128));
        var (u10, u11, u12) = (Vector128.Load(w + 16), Vector128.Load(w + 80), Vector128.Load(w + 144));
        var (l00, l01, l02) = (Vector128.Load(w + 192), Vector128.Load(w + 256), Vector128.Load(w + 320));
        var (l10, l11, l12) = (Vector128.Load(w + 208), Vector128.Load(w + 272), Vector128.Load(w + 336));
        var (bias0, bias1) = (Vector128.Load(a->Bias + channel), Vector128.Load(a->Bias + channel + 4));
        var multipliers = a->Multipliers + channel;
        var (low, high, zero) = (a->Low, a->High, a->Zero);
        var x = a->Columns + channel * 4;
        var y = a->Output + channel;
        nint column = a->ColumnStep;
        nint pixelStep = a->PixelStep;
        nint outputStep = a->OutputStep;
        nint rowStep = a->OutputRowStep;
        var channels = a->Channels - channel;
        var two = a->Rows == 2;
        for (var pixel = a->Pixels; pixel > 0; pixel--, x += pixelStep, y += outputStep)
        {
            var (x0, x1, x2) = (Vector128.Load(x), Vector128.Load(x + column), Vector128.Load(x + 2 * column));
            var upper0 = TDot.Dot(bias0, x0, x1, x2, u00, u01, u02);
            var lower0 = TDot.Dot(bias0, x0, x1, x2, l00, l01, l02);
            (x0, x1, x2) = (Vector128.Load(x + 16), Vector128.Load(x + column + 16), Vector128.Load(x + 2 * column + 16));
            var upper1 = TDot.Dot(bias1, x0, x1, x2, u10, u11, u12);
            var lower1 = TDot.Dot(bias1, x0, x1, x2, l10, l11, l12);
            var bytes = Requantize128.Apply(upper0, upper1, lower0, lower1, multipliers, multipliers, low, high, zero);
            Lanes128.StoreLower(bytes, y, channels);
            if (two)
                Lanes128.StoreUpper(bytes, y + rowStep, channels);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputePairOfAny(DepthwiseArguments* a, int channel)
    {
        var second = a->Bands * a->KernelWidth * 64;
        var multipliers = a->Multipliers + channel;
        var (bias0, bias1) = (Vector128.Load(a->Bias + channel), Vector128.Load(a->Bias + channel + 4));
        for (var pixel = 0; pixel < a->Pixels; pixel++)
        {
            var (upper0, upper1, lower0, lower1) = (bias0, bias1, bias0, bias1);
            var w = a->Weights + channel * 4;
            for (var band = 0; band < a->Bands; band++)
            {
                var x = a->Columns + (nint)pixel * a->PixelStep + (nint)band * a->BandStep + channel * 4;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                {
                    var (quads0, quads1) = (Vector128.Load(x), Vector128.Load(x + 16));
                    upper0 = TDot.Dot(upper0, quads0, Vector128.Load(w));
                    upper1 = TDot.Dot(upper1, quads1, Vector128.Load(w + 16));
                    lower0 = TDot.Dot(lower0, quads0, Vector128.Load(w + second));
                    lower1 = TDot.Dot(lower1, quads1, Vector128.Load(w + second + 16));
                }
            }
            var bytes = Requantize128.Apply(upper0, upper1, lower0, lower1, multipliers, multipliers, a->Low, a->High, a->Zero);
            var y = a->Output + (nint)pixel * a->OutputStep + channel;
            Lanes128.StoreLower(bytes, y, a->Channels - channel);
            if (a->Rows == 2)
                Lanes128.StoreUpper(bytes, y + a->OutputRowStep, a->Channels - channel);
        }
    }
}
