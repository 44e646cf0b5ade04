using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>SDOT: Cortex-A75 and later.</summary>
internal readonly struct NeonSdot : IDot128
{
    public static int ActivationOffset => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> acc, Vector128<byte> x, Vector128<sbyte> w) => Dp.DotProduct(acc, w, x.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(
        Vector128<int> acc, Vector128<byte> x0, Vector128<byte> x1, Vector128<byte> x2, Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> w2) =>
        Dot(Dot(Dot(acc, x0, w0), x1, w1), x2, w2);
}

/// <summary>Products in int16, then pairwise sums: every Armv8 core.</summary>
internal readonly struct NeonMultiplyDot<TRange> : IDot128 where TRange : struct, IWeightRange
{
    public static int ActivationOffset => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> acc, Vector128<byte> x, Vector128<sbyte> w)
    {
        var low = AdvSimd.MultiplyWideningLower(x.AsSByte().GetLower(), w.GetLower());
        var high = AdvSimd.MultiplyWideningUpper(x.AsSByte(), w);
        return acc + AdvSimd.Arm64.AddPairwise(AdvSimd.AddPairwiseWidening(low), AdvSimd.AddPairwiseWidening(high));
    }

    /// <summary>The first two columns are added in int16, where that holds two products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(
        Vector128<int> acc, Vector128<byte> x0, Vector128<byte> x1, Vector128<byte> x2, Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> w2)
    {
        if (!TRange.TwoProductsFit)
            return Dot(Dot(Dot(acc, x0, w0), x1, w1), x2, w2);
        var low = AdvSimd.MultiplyWideningLower(x0.AsSByte().GetLower(), w0.GetLower());
        var high = AdvSimd.MultiplyWideningUpper(x0.AsSByte(), w0);
        var thirdLow = AdvSimd.MultiplyWideningLower(x2.AsSByte().GetLower(), w2.GetLower());
        var thirdHigh = AdvSimd.MultiplyWideningUpper(x2.AsSByte(), w2);
        low = AdvSimd.MultiplyWideningLowerAndAdd(low, x1.AsSByte().GetLower(), w1.GetLower());
        high = AdvSimd.MultiplyWideningUpperAndAdd(high, x1.AsSByte(), w1);
        var sumLow = AdvSimd.AddPairwiseWidening(thirdLow);
        var sumHigh = AdvSimd.AddPairwiseWidening(thirdHigh);
        sumLow = AdvSimd.AddPairwiseWideningAndAdd(sumLow, low);
        sumHigh = AdvSimd.AddPairwiseWideningAndAdd(sumHigh, high);
        return acc + AdvSimd.Arm64.AddPairwise(sumLow, sumHigh);
    }
}
