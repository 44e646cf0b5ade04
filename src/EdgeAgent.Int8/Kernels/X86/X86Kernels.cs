using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Scalar;
using EdgeAgent.Int8.Kernels.Vector;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>What AVX2 and both forms of VNNI share.</summary>
internal abstract class Vector256Kernels : VectorKernels
{
    /// <summary>A convolution is done three times as fast, handing one out is not.</summary>
    private protected const long VnniSerialWork = 100_000;

    internal override Step Elementwise(ElementwiseTask task) => new VectorElementwise<ElementwiseLanes256>(task);

    internal override Step Quantize(InputSource source, TensorView output) => new VectorQuantize<QuantizeLanes256>(source, output);

    internal override unsafe long Float32Macs(byte* data, int passes) => MacLoop.Run<Vector256<byte>, FmaFloatLanes>(data, passes);
}

/// <summary>Alder Lake, Gracemont, Zen 5 and later: VPDPBUSD on 256 bits.</summary>
internal sealed class AvxVnniKernels : Vector256Kernels
{
    public override string Name => "avxvnni";

    public override bool IsSupported => AvxVnni.IsSupported && Avx2.IsSupported;

    internal override long SerialWork => VnniSerialWork;

    internal override Step Convolution(ConvolutionTask task) => Convolution<AvxVnniTile, DepthwiseRow256<VnniDot256>>(task);

    internal override unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<Vector256<byte>, VnniMacLanes>(data, passes);
}

/// <summary>Haswell and later without VNNI.</summary>
internal sealed class Avx2Kernels : Vector256Kernels
{
    public override string Name => "avx2";

    public override bool IsSupported => Avx2.IsSupported;

    internal override Step Convolution(ConvolutionTask task) => Convolution<Avx2Tile, DepthwiseRow256<Avx2Dot256>>(task);

    internal override unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<Vector256<byte>, Avx2MacLanes>(data, passes);
}

/// <summary>Small x86 cores such as those of the N5105, and the x86-64-v2 build.</summary>
internal sealed class Sse41Kernels : VectorKernels
{
    public override string Name => "sse41";

    public override bool IsSupported => Sse41.IsSupported;

    internal override Step Convolution(ConvolutionTask task) => Convolution<Sse41Tile, DepthwiseRow128<Sse41Dot>>(task);

    internal override unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, Sse41MacLanes>(data, passes);

    internal override unsafe long Float32Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, SseFloatLanes>(data, passes);
}
