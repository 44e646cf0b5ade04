using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>
/// acc + four products in each of four int32 lanes, exact. x is u8, or s8 (the activation minus 128) where
/// <see cref="ActivationOffset"/> is 128.
/// </summary>
internal interface IDot128
{
    static abstract int ActivationOffset { get; }

    static abstract Vector128<int> Dot(Vector128<int> acc, Vector128<byte> x, Vector128<sbyte> w);

    /// <summary>Three of them, the columns of a depthwise kernel.</summary>
    static abstract Vector128<int> Dot(
        Vector128<int> acc, Vector128<byte> x0, Vector128<byte> x1, Vector128<byte> x2, Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> w2);
}
