using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>The rounding rule on 16 accumulators in two registers. CVTPS2DQ rounds to even, .NET never changes that mode.</summary>
/// <remarks>
/// Everything here is inlined by force: where one call is left, as ahead-of-time compilation would, all accumulators
/// around it are spilled in the inner loop, and it is three times slower.
/// </remarks>
internal readonly unsafe struct Avx2Requantize
{
    private readonly Vector256<float> _m0;
    private readonly Vector256<float> _m1;
    private readonly Vector256<float> _low;
    private readonly Vector256<float> _high;
    private readonly Vector256<short> _zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Avx2Requantize(float* first, float* second, float low, float high, int zero)
    {
        (_m0, _m1) = (Vector256.Load(first), Vector256.Load(second));
        (_low, _high, _zero) = (Vector256.Create(low), Vector256.Create(high), Vector256.Create((short)zero));
    }

    /// <summary>16 channels of one pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Requantize Of(PanelArguments* p) => new(p->Multipliers, p->Multipliers + 8, p->Low, p->High, p->Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Requantize Of(DepthwiseArguments* a) => new(a->Multipliers, a->Multipliers + 8, a->Low, a->High, a->Zero);

    /// <summary>The same 8 channels of two pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Requantize OfPairs(PanelArguments* p) => new(p->Multipliers, p->Multipliers, p->Low, p->High, p->Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Requantize OfPairs(float* multipliers, float low, float high, int zero) => new(multipliers, multipliers, low, high, zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Apply(Vector256<int> a, Vector256<int> b) => Pack(
        Round(Avx.ConvertToVector256Single(a) * _m0, _low, _high),
        Round(Avx.ConvertToVector256Single(b) * _m1, _low, _high),
        _zero);

    /// <summary>rne of the clamped value; MAXPS gives its second operand for a NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(Vector256<float> v, Vector256<float> low, Vector256<float> high) =>
        Avx.ConvertToVector256Int32(Avx.Min(Avx.Max(v, low), high));

    /// <summary>16 rounded values plus the zero point, as bytes in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Pack(Vector256<int> a, Vector256<int> b, Vector256<short> zero)
    {
        var words = Avx2.PackSignedSaturate(a, b); // a0-3 b0-3 | a4-7 b4-7
        words = Avx2.Add(Avx2.Permute4x64(words.AsInt64(), 0b11_01_10_00).AsInt16(), zero);
        return Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper());
    }
}
