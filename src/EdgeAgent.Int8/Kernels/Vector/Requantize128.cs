using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>The rounding rule on 16 accumulators in 128-bit registers.</summary>
internal static unsafe class Requantize128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(int* accumulators, float* multipliers, float low, float high, int zero) => Apply(
        Vector128.Load(accumulators), Vector128.Load(accumulators + 4), Vector128.Load(accumulators + 8), Vector128.Load(accumulators + 12),
        multipliers, multipliers + 8, low, high, zero);

    /// <param name="first">Multipliers of a and b.</param>
    /// <param name="second">Multipliers of c and d.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(
        Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d, float* first, float* second, float low, float high, int zero)
    {
        var (l, h) = (Vector128.Create(low), Vector128.Create(high));
        return Lanes128.Pack(
            Lanes128.Round(Vector128.ConvertToSingle(a) * Vector128.Load(first), l, h),
            Lanes128.Round(Vector128.ConvertToSingle(b) * Vector128.Load(first + 4), l, h),
            Lanes128.Round(Vector128.ConvertToSingle(c) * Vector128.Load(second), l, h),
            Lanes128.Round(Vector128.ConvertToSingle(d) * Vector128.Load(second + 4), l, h),
            Vector128.Create((short)zero));
    }
}
