using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Two registers of eight float32 for sixteen bytes.</summary>
internal readonly struct ElementwiseLanes256 : IElementwiseLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k)
    {
        var (za, zb) = (Vector256.Create((float)k.ZeroA), Vector256.Create((float)k.ZeroB));
        var (ra, rb) = (Vector256.Create(k.RatioA), Vector256.Create(k.RatioB));
        return Pack((Low(a) - za) * ra + (Low(b) - zb) * rb, (High(a) - za) * ra + (High(b) - zb) * rb, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k)
    {
        var (za, zb, r) = (Vector256.Create((float)k.ZeroA), Vector256.Create((float)k.ZeroB), Vector256.Create(k.RatioA));
        return Pack((Low(a) - za) * (Low(b) - zb) * r, (High(a) - za) * (High(b) - zb) * r, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Low(Vector128<byte> x) => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> High(Vector128<byte> x) => Low(Sse2.ShiftRightLogical128BitLane(x, 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pack(Vector256<float> a, Vector256<float> b, in ElementwiseConstants k) =>
        Avx2Requantize.Pack(
            Avx2Requantize.Round(a, Vector256.Create(k.Low), Vector256.Create(k.High)),
            Avx2Requantize.Round(b, Vector256.Create(k.Low), Vector256.Create(k.High)),
            Vector256.Create((short)k.Zero));
}
