using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Two registers of eight float32 for sixteen values.</summary>
internal readonly unsafe struct QuantizeLanes256 : IQuantizeLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Quantize(float* x, float scale, in Requantization r)
    {
        var (s, low, high) = (Vector256.Create(scale), Vector256.Create(r.Low), Vector256.Create(r.High));
        return Avx2Requantize.Pack(
            Avx2Requantize.Round(Vector256.Load(x) / s, low, high), Avx2Requantize.Round(Vector256.Load(x + 8) / s, low, high),
            Vector256.Create((short)r.Zero));
    }
}
