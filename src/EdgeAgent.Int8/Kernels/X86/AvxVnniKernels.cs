using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>Alder Lake, Zen 4 and later: VPDPBUSD on 256 bits.</summary>
internal sealed class AvxVnniKernels : KernelSet
{
    public override string Name => "avxvnni";

    public override bool IsSupported => AvxVnni.IsSupported && Avx2.IsSupported;

    internal override Step Convolution(ConvolutionTask task) => Convolution<AvxVnniTile>(task);
}
