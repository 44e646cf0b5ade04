using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>Ice Lake, Tiger Lake, Zen 4 and later: VPDPBUSD on 512 bits, by code assembled here.</summary>
internal sealed class Avx512VnniKernels : Vector256Kernels
{
    public override string Name => "avx512vnni";

    public override bool IsSupported => VnniCode.Instance != null;

    internal override long SerialWork => VnniSerialWork;

    internal override Step Convolution(ConvolutionTask task) => Convolution<Avx512VnniTile, Avx512VnniDepthwiseRow>(task);

    internal override unsafe long Int8Macs(byte* data, int passes)
    {
        VnniCode.Instance!.Macs(data, data + MacLoop.DataBytes, passes);
        return (long)passes * MacLoop.DataBytes * 2;
    }
}

/// <summary>8 pixels x 16 channels with VPDPBUSD; fewer at the image's end.</summary>
internal readonly unsafe struct Avx512VnniTile : IConvolutionTile
{
    public static int Rows => VnniCode.TileRows;

    public static int ActivationOffset => 0;

    public static void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets) =>
        VnniCode.Instance!.Tile(rows, panel->Channels)(panel, input, inputOffsets, output, outputOffsets);

    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators) => VnniCode.Instance!.Pixel(panel, input, accumulators);

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) => Avx2Tile.Store(panel, accumulators, output);
}

/// <summary>16 channels of quads at once; kernels that there is no code for go the way of AVX2.</summary>
internal readonly unsafe struct Avx512VnniDepthwiseRow : IDepthwiseRow
{
    public static int ActivationOffset => 0;

    public static void Interleave(byte* a, byte* b, byte* c, byte* d, byte* to, int length) =>
        DepthwiseRow256<Avx2Dot256>.Interleave(a, b, c, d, to, length);

    public static void Compute(DepthwiseArguments* arguments)
    {
        var code = VnniCode.Instance!.DepthwiseRow(arguments->KernelWidth, arguments->Bands);
        if (code != null)
            code(arguments);
        else
            DepthwiseRow256<Avx2Dot256>.Compute(arguments);
    }

    public static void ComputePair(DepthwiseArguments* arguments)
    {
        var code = VnniCode.Instance!.DepthwisePair(arguments->KernelWidth, arguments->Bands);
        if (code != null)
            code(arguments);
        else
            DepthwiseRow256<Avx2Dot256>.ComputePair(arguments);
    }
}
