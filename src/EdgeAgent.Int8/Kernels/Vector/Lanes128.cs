using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>What the 128-bit kernels of x86 (SSE4.1) and Arm (NEON) have in common.</summary>
internal static unsafe class Lanes128
{
    /// <summary>a0 b0 a1 b1 ... of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> ZipLow(Vector128<byte> a, Vector128<byte> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b) : AdvSimd.Arm64.ZipLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> ZipHigh(Vector128<byte> a, Vector128<byte> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b) : AdvSimd.Arm64.ZipHigh(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> ZipLow(Vector128<ushort> a, Vector128<ushort> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b) : AdvSimd.Arm64.ZipLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> ZipHigh(Vector128<ushort> a, Vector128<ushort> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b) : AdvSimd.Arm64.ZipHigh(a, b);

    /// <summary>The rounding rule without the final zero point: rne of the clamped value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Round(Vector128<float> v, Vector128<float> low, Vector128<float> high)
    {
        // MAXPS gives its second operand, FMAXNM the one that is a number: NaN becomes the lower bound.
        if (Sse2.IsSupported)
            return Sse2.ConvertToVector128Int32(Sse.Min(Sse.Max(v, low), high));
        return AdvSimd.ConvertToInt32RoundToEven(AdvSimd.MinNumber(AdvSimd.MaxNumber(v, low), high));
    }

    /// <summary>16 rounded values plus the zero point, as bytes in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Pack(Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d, Vector128<short> zero)
    {
        if (Sse2.IsSupported)
            return Sse2.PackUnsignedSaturate(Sse2.Add(Sse2.PackSignedSaturate(a, b), zero), Sse2.Add(Sse2.PackSignedSaturate(c, d), zero));
        var low = AdvSimd.ExtractNarrowingUpper(AdvSimd.ExtractNarrowingLower(a), b) + zero;
        var high = AdvSimd.ExtractNarrowingUpper(AdvSimd.ExtractNarrowingLower(c), d) + zero;
        return AdvSimd.ExtractNarrowingUpper(AdvSimd.ExtractNarrowingLower(low.AsUInt16()), high.AsUInt16());
    }

    /// <summary>16 bytes as four vectors of float32, exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) Floats(Vector128<byte> bytes)
    {
        var (low, high) = Vector128.Widen(bytes);
        var (a, b) = Vector128.Widen(low);
        var (c, d) = Vector128.Widen(high);
        return (Vector128.ConvertToSingle(a.AsInt32()), Vector128.ConvertToSingle(b.AsInt32()),
            Vector128.ConvertToSingle(c.AsInt32()), Vector128.ConvertToSingle(d.AsInt32()));
    }

    /// <summary>Writes the first <paramref name="count"/> bytes (at most 16) and no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<byte> bytes, byte* output, int count)
    {
        if (count >= 16)
            bytes.Store(output);
        else
            StorePart(bytes, output, count);
    }

    /// <summary>Writes the first <paramref name="count"/> (at most 8) of the lower eight bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLower(Vector128<byte> bytes, byte* output, int count)
    {
        if (count >= 8)
            *(ulong*)output = bytes.AsUInt64().ToScalar();
        else
            StorePart(bytes, output, count);
    }

    /// <summary>Writes the first <paramref name="count"/> (at most 8) of the upper eight bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreUpper(Vector128<byte> bytes, byte* output, int count)
    {
        if (count >= 8)
            *(ulong*)output = bytes.AsUInt64().GetElement(1);
        else
            StorePart(Vector128.Create(bytes.GetUpper(), bytes.GetUpper()), output, count);
    }

    /// <summary>In place too: a call would make the loops around it spill all their registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePart(Vector128<byte> bytes, byte* output, int count)
    {
        var rest = bytes.AsUInt64().ToScalar();
        if ((count & 8) != 0)
        {
            *(ulong*)output = rest;
            rest = bytes.AsUInt64().GetElement(1);
            output += 8;
        }
        if ((count & 4) != 0)
        {
            *(uint*)output = (uint)rest;
            rest >>= 32;
            output += 4;
        }
        if ((count & 2) != 0)
        {
            *(ushort*)output = (ushort)rest;
            rest >>= 16;
            output += 2;
        }
        if ((count & 1) != 0)
            *output = (byte)rest;
    }
}
