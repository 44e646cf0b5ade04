using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>SDOT.</summary>
internal readonly struct NeonDotMacLanes : IMacLanes<Vector128<byte>>
{
    public static int Macs => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Add(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> w) =>
        Dp.DotProduct(sum.AsInt32(), x.AsSByte(), w.AsSByte()).AsByte();
}

/// <summary>SMULL, SMLAL2 and SADALP.</summary>
internal readonly struct NeonMacLanes : IMacLanes<Vector128<byte>>
{
    public static int Macs => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Add(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> w)
    {
        var products = AdvSimd.MultiplyWideningLower(x.AsSByte().GetLower(), w.AsSByte().GetLower());
        return AdvSimd.AddPairwiseWideningAndAdd(sum.AsInt32(), AdvSimd.MultiplyWideningUpperAndAdd(products, x.AsSByte(), w.AsSByte())).AsByte();
    }
}

/// <summary>FMLA.</summary>
internal readonly struct NeonFloatLanes : IMacLanes<Vector128<byte>>
{
    public static int Macs => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Add(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> w) =>
        AdvSimd.FusedMultiplyAdd(sum.AsSingle(), x.AsSingle(), w.AsSingle()).AsByte();
}
