using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Depthwise rows on 128-bit registers: four channels of quads each.</summary>
internal readonly unsafe struct DepthwiseRow128<TDot> : IDepthwiseRow where TDot : struct, IDot128
{
    public static int ActivationOffset => TDot.ActivationOffset;

    /// <summary>16 channels in four registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute(DepthwiseArguments* a)
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

    /// <summary>Eight channels of both rows at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ComputePair(DepthwiseArguments* a)
    {
        var second = a->KernelWidth * 64;
        for (var channel = 0; channel < a->Channels; channel += 8)
        {
            var multipliers = a->Multipliers + channel;
            var (bias0, bias1) = (Vector128.Load(a->Bias + channel), Vector128.Load(a->Bias + channel + 4));
            for (var pixel = 0; pixel < a->Pixels; pixel++)
            {
                var (upper0, upper1, lower0, lower1) = (bias0, bias1, bias0, bias1);
                var w = a->Weights + channel * 4;
                var x = a->Columns + (nint)pixel * a->PixelStep + channel * 4;
                for (var kx = 0; kx < a->KernelWidth; kx++, x += a->ColumnStep, w += 64)
                {
                    var (quads0, quads1) = (Vector128.Load(x), Vector128.Load(x + 16));
                    upper0 = TDot.Dot(upper0, quads0, Vector128.Load(w));
                    upper1 = TDot.Dot(upper1, quads1, Vector128.Load(w + 16));
                    lower0 = TDot.Dot(lower0, quads0, Vector128.Load(w + second));
                    lower1 = TDot.Dot(lower1, quads1, Vector128.Load(w + second + 16));
                }
                var bytes = Requantize128.Apply(upper0, upper1, lower0, lower1, multipliers, multipliers, a->Low, a->High, a->Zero);
                var y = a->Output + (nint)pixel * a->OutputStep + channel;
                Lanes128.StoreLower(bytes, y, a->Channels - channel);
                if (a->Rows == 2)
                    Lanes128.StoreUpper(bytes, y + a->OutputRowStep, a->Channels - channel);
            }
        }
    }
}
