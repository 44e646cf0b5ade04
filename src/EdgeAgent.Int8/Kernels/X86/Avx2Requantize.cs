using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>The rounding rule on 16 accumulators in two registers. CVTPS2DQ rounds to even, .NET never changes that mode.</summary>
internal readonly unsafe struct Avx2Requantize(PanelArguments* panel)
{
    private readonly Vector256<float> _m0 = Vector256.Load(panel->Multipliers);
    private readonly Vector256<float> _m1 = Vector256.Load(panel->Multipliers + 8);
    private readonly Vector256<float> _low = Vector256.Create(panel->Low);
    private readonly Vector256<float> _high = Vector256.Create(panel->High);
    private readonly Vector256<short> _zero = Vector256.Create((short)panel->Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Apply(Vector256<int> a, Vector256<int> b)
    {
        var words = Avx2.PackSignedSaturate(
            Round(a, _m0, _low, _high), Round(b, _m1, _low, _high)); // a0-3 b0-3 | a4-7 b4-7
        words = Avx2.Permute4x64(words.AsInt64(), 0b11_01_10_00).AsInt16();
        words = Avx2.Add(words, _zero);
        return Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(Vector256<int> acc, Vector256<float> m, Vector256<float> low, Vector256<float> high) =>
        Avx.ConvertToVector256Int32(Avx.Min(Avx.Max(Avx.Multiply(Avx.ConvertToVector256Single(acc), m), low), high));

    /// <summary>Writes the first <paramref name="channels"/> bytes and no others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<byte> bytes, byte* output, int channels)
    {
        if (channels == 16)
            bytes.Store(output);
        else
            StorePart(bytes, output, channels);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StorePart(Vector128<byte> bytes, byte* output, int channels)
    {
        if ((channels & 8) != 0)
        {
            *(ulong*)output = bytes.AsUInt64().ToScalar();
            bytes = Sse2.ShiftRightLogical128BitLane(bytes, 8);
            output += 8;
        }
        if ((channels & 4) != 0)
        {
            *(uint*)output = bytes.AsUInt32().ToScalar();
            bytes = Sse2.ShiftRightLogical128BitLane(bytes, 4);
            output += 4;
        }
        for (var i = 0; i < (channels & 3); i++)
            output[i] = bytes.GetElement(i);
    }
}
