using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>acc + four products u8 x s8 in each of eight int32 lanes, exact.</summary>
internal interface IDot256
{
    static abstract Vector256<int> Dot(Vector256<int> acc, Vector256<byte> x, Vector256<sbyte> w);
}

internal readonly struct VnniDot256 : IDot256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> acc, Vector256<byte> x, Vector256<sbyte> w) => AvxVnni.MultiplyWideningAndAdd(acc, x, w);
}

/// <summary>Even and odd bytes widened to int16 and multiplied apart: VPMADDUBSW would saturate.</summary>
internal readonly struct Avx2Dot256 : IDot256
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> acc, Vector256<byte> x, Vector256<sbyte> w)
    {
        var even = Avx2.MultiplyAddAdjacent(EvenBytes(x), EvenBytes(w));
        var odd = Avx2.MultiplyAddAdjacent(OddBytes(x), OddBytes(w));
        return Avx2.Add(acc, Avx2.Add(even, odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> EvenBytes(Vector256<byte> x) => Avx2.And(x.AsInt16(), Vector256.Create((short)0xff));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> OddBytes(Vector256<byte> x) => Avx2.ShiftRightLogical(x.AsInt16(), 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> EvenBytes(Vector256<sbyte> w) => Avx2.ShiftRightArithmetic(Avx2.ShiftLeftLogical(w.AsInt16(), 8), 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> OddBytes(Vector256<sbyte> w) => Avx2.ShiftRightArithmetic(w.AsInt16(), 8);
}
