using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>VPDPBUSD.</summary>
internal readonly struct VnniMacLanes : IMacLanes<Vector256<byte>>
{
    public static int Macs => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Add(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> w) =>
        AvxVnni.MultiplyWideningAndAdd(sum.AsInt32(), x, w.AsSByte()).AsByte();
}

/// <summary>VPMADDWD and VPADDD on values that are int16 already: widening them is shared by a whole tile.</summary>
internal readonly struct Avx2MacLanes : IMacLanes<Vector256<byte>>
{
    public static int Macs => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Add(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> w) =>
        Avx2.Add(sum.AsInt32(), Avx2.MultiplyAddAdjacent(x.AsInt16(), w.AsInt16())).AsByte();
}

/// <summary>PMADDWD and PADDD, likewise.</summary>
internal readonly struct Sse41MacLanes : IMacLanes<Vector128<byte>>
{
    public static int Macs => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Add(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> w) =>
        Sse2.Add(sum.AsInt32(), Sse2.MultiplyAddAdjacent(x.AsInt16(), w.AsInt16())).AsByte();
}

/// <summary>VFMADD231PS; every CPU with AVX2 has it.</summary>
internal readonly struct FmaFloatLanes : IMacLanes<Vector256<byte>>
{
    public static int Macs => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Add(Vector256<byte> sum, Vector256<byte> x, Vector256<byte> w) =>
        Fma.MultiplyAdd(x.AsSingle(), w.AsSingle(), sum.AsSingle()).AsByte();
}

/// <summary>MULPS and ADDPS.</summary>
internal readonly struct SseFloatLanes : IMacLanes<Vector128<byte>>
{
    public static int Macs => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Add(Vector128<byte> sum, Vector128<byte> x, Vector128<byte> w) =>
        Sse.Add(sum.AsSingle(), Sse.Multiply(x.AsSingle(), w.AsSingle())).AsByte();
}
