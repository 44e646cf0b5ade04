using EdgeAgent.Int8.Kernels.Scalar;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>What all vector instruction sets share: pools, the input and, unless they have wider registers, elementwise operators.</summary>
internal abstract class VectorKernels : KernelSet
{
    internal override Step Elementwise(ElementwiseTask task) => new VectorElementwise<ElementwiseLanes128>(task);

    internal override Step MaxPooling(PoolingTask task) => new VectorMaxPooling(task);

    internal override Step AveragePooling(PoolingTask task) => new VectorAveragePooling(task);

    internal override Step Quantize(InputSource source, TensorView output) => new VectorQuantize<QuantizeLanes128>(source, output);
}
