using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Kernels.Vector;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>Every Armv8 core: Cortex-A53, A57, A72, Carmel.</summary>
internal sealed class NeonKernels : VectorKernels
{
    public override string Name => "neon";

    public override bool IsSupported => AdvSimd.Arm64.IsSupported;

    internal override Step Convolution(ConvolutionTask task) => task.Weights.Contains(sbyte.MinValue)
        ? Convolution<NeonTile<FullRange>, DepthwiseRow128<NeonMultiplyDot<FullRange>>>(task)
        : Convolution<NeonTile<SymmetricRange>, DepthwiseRow128<NeonMultiplyDot<SymmetricRange>>>(task);

    internal override unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, NeonMacLanes>(data, passes);

    internal override unsafe long Float32Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, NeonFloatLanes>(data, passes);
}

/// <summary>Cores with the dot product extension: Cortex-A76, A78AE, Neoverse N1.</summary>
internal sealed class NeonDotKernels : VectorKernels
{
    public override string Name => "neon-dot";

    public override bool IsSupported => Dp.IsSupported && AdvSimd.Arm64.IsSupported;

    internal override Step Convolution(ConvolutionTask task) => Convolution<NeonDotTile, DepthwiseRow128<NeonSdot>>(task);

    internal override unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, NeonDotMacLanes>(data, passes);

    internal override unsafe long Float32Macs(byte* data, int passes) => MacLoop.Run<Vector128<byte>, NeonFloatLanes>(data, passes);
}
