using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Depthwise rows on 128-bit registers, 16 channels in four.</summary>
internal readonly unsafe struct DepthwiseRow128<TDot> : IDepthwiseRow where TDot : struct, IDot128
{
    public static int ActivationOffset => TDot.ActivationOffset;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compute(DepthwiseArguments* arguments)
    {
        var a = *arguments;
        for (var pixel = 0; pixel < a.Pixels; pixel++)
        {
            var (acc0, acc1) = (Vector128.Load(a.Bias), Vector128.Load(a.Bias + 4));
            var (acc2, acc3) = (Vector128.Load(a.Bias + 8), Vector128.Load(a.Bias + 12));
            var w = a.Weights;
            for (var band = 0; band < a.Bands; band++)
            {
                var x = a.Columns + (nint)pixel * a.PixelStep + (nint)band * a.BandStep;
                for (var kx = 0; kx < a.KernelWidth; kx++, x += a.ColumnStep, w += 64)
                {
                    acc0 = TDot.Dot(acc0, Vector128.Load(x), Vector128.Load(w));
                    acc1 = TDot.Dot(acc1, Vector128.Load(x + 16), Vector128.Load(w + 16));
                    acc2 = TDot.Dot(acc2, Vector128.Load(x + 32), Vector128.Load(w + 32));
                    acc3 = TDot.Dot(acc3, Vector128.Load(x + 48), Vector128.Load(w + 48));
                }
            }
            var bytes = Requantize128.Apply(acc0, acc1, acc2, acc3, a.Multipliers, a.Low, a.High, a.Zero);
            Lanes128.Store(bytes, a.Output + (nint)pixel * a.OutputStep, a.Channels);
        }
    }
}
