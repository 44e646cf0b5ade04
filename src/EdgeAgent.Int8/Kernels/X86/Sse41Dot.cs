using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Even and odd bytes widened to int16 and multiplied apart: PMADDUBSW would saturate.</summary>
internal readonly struct Sse41Dot : IDot128
{
    public static int ActivationOffset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> acc, Vector128<byte> x, Vector128<sbyte> w)
    {
        var even = Sse2.MultiplyAddAdjacent(EvenBytes(x), EvenBytes(w));
        var odd = Sse2.MultiplyAddAdjacent(OddBytes(x), OddBytes(w));
        return acc + (even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> EvenBytes(Vector128<byte> x) => Sse2.And(x.AsInt16(), Vector128.Create((short)0xff));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> OddBytes(Vector128<byte> x) => Sse2.ShiftRightLogical(x.AsInt16(), 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> EvenBytes(Vector128<sbyte> w) => Sse2.ShiftRightArithmetic(Sse2.ShiftLeftLogical(w.AsInt16(), 8), 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> OddBytes(Vector128<sbyte> w) => Sse2.ShiftRightArithmetic(w.AsInt16(), 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(
        Vector128<int> acc, Vector128<byte> x0, Vector128<byte> x1, Vector128<byte> x2, Vector128<sbyte> w0, Vector128<sbyte> w1, Vector128<sbyte> w2) =>
        Dot(Dot(Dot(acc, x0, w0), x1, w1), x2, w2);
}
