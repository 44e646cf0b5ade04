using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Two registers of eight float32 for sixteen bytes.</summary>
internal readonly struct ElementwiseLanes256 : IElementwiseLanes<ElementwiseLanes256>
{
    private readonly Vector256<float> _zeroA;
    private readonly Vector256<float> _zeroB;
    private readonly Vector256<float> _ratioA;
    private readonly Vector256<float> _ratioB;
    private readonly Vector256<float> _low;
    private readonly Vector256<float> _high;
    private readonly Vector256<short> _zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ElementwiseLanes256(in ElementwiseConstants k)
    {
        (_zeroA, _zeroB) = (Vector256.Create((float)k.ZeroA), Vector256.Create((float)k.ZeroB));
        (_ratioA, _ratioB) = (Vector256.Create(k.RatioA), Vector256.Create(k.RatioB));
        (_low, _high, _zero) = (Vector256.Create(k.Low), Vector256.Create(k.High), Vector256.Create((short)k.Zero));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ElementwiseLanes256 Of(in ElementwiseConstants k) => new(k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b) => Pack(Sum(Low(a), Low(b)), Sum(High(a), High(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b) => Pack(Product(Low(a), Low(b)), Product(High(a), High(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<float> Sum(Vector256<float> a, Vector256<float> b) => (a - _zeroA) * _ratioA + (b - _zeroB) * _ratioB;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<float> Product(Vector256<float> a, Vector256<float> b) => (a - _zeroA) * (b - _zeroB) * _ratioA;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Low(Vector128<byte> x) => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> High(Vector128<byte> x) => Low(Sse2.ShiftRightLogical128BitLane(x, 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<byte> Pack(Vector256<float> a, Vector256<float> b) =>
        Avx2Requantize.Pack(Avx2Requantize.Round(a, _low, _high), Avx2Requantize.Round(b, _low, _high), _zero);
}
