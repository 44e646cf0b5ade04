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
}

/// <summary>Products in int16, then pairwise sums: every Armv8 core.</summary>
internal readonly struct NeonMultiplyDot : IDot128
{
    public static int ActivationOffset => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> acc, Vector128<byte> x, Vector128<sbyte> w)
    {
        var low = AdvSimd.MultiplyWideningLower(x.AsSByte().GetLower(), w.GetLower());
        var high = AdvSimd.MultiplyWideningUpper(x.AsSByte(), w);
        return acc + AdvSimd.Arm64.AddPairwise(AdvSimd.AddPairwiseWidening(low), AdvSimd.AddPairwiseWidening(high));
    }
}
