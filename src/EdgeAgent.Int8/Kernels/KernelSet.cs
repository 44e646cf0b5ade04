using EdgeAgent.Int8.Kernels.Arm;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Scalar;
using EdgeAgent.Int8.Kernels.Vector;
using EdgeAgent.Int8.Kernels.X86;
using EdgeAgent.Int8.Kernels.X86.Assembled;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Int8.Kernels;

/// <summary>
/// The kernels for one instruction set. All sets write the same bytes for the same plan; they differ in speed only.
/// What a set does not override is done by the scalar reference.
/// </summary>
public abstract class KernelSet
{
    private protected KernelSet()
    {
    }

    /// <summary>scalar, sse41, avx2, avxvnni, avx512vnni, neon or neon-dot.</summary>
    public abstract string Name { get; }

    /// <summary>Whether this process can execute it.</summary>
    public abstract bool IsSupported { get; }

    private static readonly KernelSet[] s_all = [new ScalarKernels(), new Sse41Kernels(), new Avx2Kernels(), new AvxVnniKernels(), new Avx512VnniKernels(), new NeonKernels(), new NeonDotKernels()];

    /// <summary>All sets, slowest first, supported here or not.</summary>
    public static IReadOnlyList<KernelSet> All => s_all;

    /// <summary>The fastest set that this process can execute.</summary>
    public static KernelSet Best { get; } = Array.FindLast(s_all, k => k.IsSupported)!;

    /// <summary>The set that the environment variable EDGEAGENT_INT8_KERNELS names, else <see cref="Best"/>.</summary>
    /// <exception cref="ArgumentException">The variable names a set that is unknown or not supported here.</exception>
    public static KernelSet Default =>
        Environment.GetEnvironmentVariable("EDGEAGENT_INT8_KERNELS") is { Length: > 0 } name ? Named(name) : Best;

    /// <summary>The set of that name.</summary>
    /// <exception cref="ArgumentException">There is none, or this CPU cannot execute it.</exception>
    public static KernelSet Named(string name)
    {
        var set = Array.Find(s_all, k => k.Name == name)
            ?? throw new ArgumentException($"kernel set '{name}' is unknown; there are {Names(s_all)}");
        return set.IsSupported ? set
            : throw new ArgumentException(
                $"kernel set '{name}' is not supported by this CPU; it supports {Names(Array.FindAll(s_all, k => k.IsSupported))}");
    }

    public override string ToString() => Name;

    private static string Names(KernelSet[] sets) => string.Join(", ", Array.ConvertAll(sets, k => k.Name));

    /// <summary>Below this a step takes less time than handing it out to threads (see <see cref="Step.Work"/>).</summary>
    internal virtual long SerialWork => 50_000;

    internal virtual Step Convolution(ConvolutionTask task) => new ScalarConvolution(task);

    /// <summary>Chooses the form of a convolution for an instruction set's inner kernels.</summary>
    private protected static unsafe Step Convolution<TTile, TRow>(in ConvolutionTask task)
        where TTile : struct, IConvolutionTile
        where TRow : struct, IDepthwiseRow
    {
        if (task.IsDepthwise && DepthwiseConvolution<TRow>.Supports(task))
            return new DepthwiseConvolution<TRow>(task);
        return task.Floats != null || task.Output.Shape.Pixels < TTile.Rows / 2
            ? new PixelwiseConvolution<TTile>(task)
            : new TiledConvolution<TTile>(task);
    }

    internal virtual Step Elementwise(ElementwiseTask task) => new ScalarElementwise(task);

    internal virtual Step MaxPooling(PoolingTask task) => new ScalarMaxPooling(task);

    internal virtual Step AveragePooling(PoolingTask task) => new ScalarAveragePooling(task);

    internal virtual Step Quantize(InputSource source, TensorView output) => new ScalarQuantize(source, output);

    /// <summary>The int8 peak of the set's instructions: what its kernels are measured against.</summary>
    internal virtual unsafe long Int8Macs(byte* data, int passes) => MacLoop.Run<int, ScalarMacLanes>(data, passes);

    /// <summary>The float32 peak of the same instructions.</summary>
    internal virtual unsafe long Float32Macs(byte* data, int passes) => MacLoop.Run<float, ScalarMacLanes>(data, passes);
}

/// <summary>The reference: no vectors, nothing packed, runs everywhere.</summary>
internal sealed class ScalarKernels : KernelSet
{
    public override string Name => "scalar";

    public override bool IsSupported => true;
}
