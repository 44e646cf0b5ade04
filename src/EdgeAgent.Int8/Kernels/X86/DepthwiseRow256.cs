using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Depthwise rows on 256-bit registers: 16 channels, or 8 where a block has no more.</summary>
internal readonly unsafe struct DepthwiseRow256<TDot> : IDepthwiseRow where TDot : struct, IDot256
{
    public static int ActivationOffset => 0;

    public static void Compute(DepthwiseArguments* a)
    {
        if (a->Channels <= 8)
            ComputeNarrow(a);
        else if (a->Bands == 1 && a->KernelWidth == 3)
            ComputeThree(a);
        else
            ComputeWide(a);
    }

    /// <summary>Up to 4x3 kernels: all weights stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeThree(DepthwiseArguments* a)
    {
        var (w0, w1) = (Vector256.Load(a->Weights), Vector256.Load(a->Weights + 32));
        var (w2, w3) = (Vector256.Load(a->Weights + 64), Vector256.Load(a->Weights + 96));
        var (w4, w5) = (Vector256.Load(a->Weights + 128), Vector256.Load(a->Weights + 160));
        var (bias0, bias1) = (Vector256.Load(a->Bias), Vector256.Load(a->Bias + 8));
        var requantize = new Avx2Requantize(a->Multipliers, a->Low, a->High, a->Zero);
        var (x, y, channels) = ((nint)a->Columns, (nint)a->Output, a->Channels);
        nint column = a->ColumnStep;
        for (var pixel = a->Pixels; pixel > 0; pixel--, x += a->PixelStep, y += a->OutputStep)
        {
            var acc0 = TDot.Dot(bias0, Vector256.Load((byte*)x), w0);
            var acc1 = TDot.Dot(bias1, Vector256.Load((byte*)x + 32), w1);
            acc0 = TDot.Dot(acc0, Vector256.Load((byte*)x + column), w2);
            acc1 = TDot.Dot(acc1, Vector256.Load((byte*)x + column + 32), w3);
            acc0 = TDot.Dot(acc0, Vector256.Load((byte*)x + 2 * column), w4);
            acc1 = TDot.Dot(acc1, Vector256.Load((byte*)x + 2 * column + 32), w5);
            Lanes128.Store(requantize.Apply(acc0, acc1), (byte*)y, channels);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeWide(DepthwiseArguments* a)
    {
        var (bias0, bias1) = (Vector256.Load(a->Bias), Vector256.Load(a->Bias + 8));
        var requantize = new Avx2Requantize(a->Multipliers, a->Low, a->High, a->Zero);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ComputeNarrow(DepthwiseArguments* a)
    {
        var bias = Vector256.Load(a->Bias);
        var requantize = new Avx2Requantize(a->Multipliers, a->Low, a->High, a->Zero);
        for (var pixel = 0; pixel < a->Pixels; pixel++)
        {
            var acc = bias;
            var w = a->Weights;
            for (var band = 0; band < a->Bands; band++)
            {
                var x = a->Columns + (nint)pixel * a->PixelStep + (nint)band * a->BandStep;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                    acc = TDot.Dot(acc, Vector256.Load(x), Vector256.Load(w));
            }
            Lanes128.Store(requantize.Apply(acc, acc), a->Output + (nint)pixel * a->OutputStep, a->Channels);
        }
    }
}
