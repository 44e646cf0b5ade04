using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Runtime;

/// <summary>
/// Arithmetic of tensors and numbers. TorchSharp 0.107 wraps a number in a finalizable object and hands its native address to
/// libtorch without keeping the object alive: a garbage collection during the call frees the number under it ("Expected false
/// to be true ... Scalar.h"). It does so even for the factor 1 inside add(Tensor). Here the wrapper lives until the call has
/// returned; BannedSymbols.txt refuses the other way.
/// </summary>
internal static class TensorArithmetic
{
    private static readonly Scalar One = 1.ToScalar();

    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    public static Tensor Plus(this Tensor a, double b)
    {
        using var scalar = b.ToScalar();
        return a.add(scalar, One);
    }

    public static Tensor Times(this Tensor a, double b)
    {
        using var scalar = b.ToScalar();
        return a.mul(scalar);
    }

    public static Tensor Over(this Tensor a, double b)
    {
        using var scalar = b.ToScalar();
        return a.div(scalar);
    }

    public static Tensor Within(this Tensor a, double low, double high)
    {
        using Scalar min = low.ToScalar(), max = high.ToScalar();
        return a.clamp(min, max);
    }

    public static Tensor AtLeast(this Tensor a, double low)
    {
        using var min = low.ToScalar();
        return a.clamp_min(min);
    }

    public static Tensor AtMost(this Tensor a, double high)
    {
        using var max = high.ToScalar();
        return a.clamp_max(max);
    }

    /// <summary>Where a is greater than <paramref name="bound"/>.</summary>
    public static Tensor Above(this Tensor a, double bound)
    {
        using var scalar = bound.ToScalar();
        return a.gt(scalar);
    }

    /// <summary>a for positive numbers, <paramref name="slope"/> times a for negative ones.</summary>
    public static Tensor Leaky(this Tensor a, double slope)
    {
        using var scalar = slope.ToScalar();
        return a.leaky_relu(scalar);
    }

    /// <summary>a += factor * b.</summary>
    public static Tensor Accumulate(this Tensor a, Tensor b, double factor = 1)
    {
        using var scalar = factor.ToScalar();
        return a.add_(b, scalar);
    }

    /// <summary>a *= factor.</summary>
    public static Tensor Scale(this Tensor a, double factor)
    {
        using var scalar = factor.ToScalar();
        return a.mul_(scalar);
    }

    public static Tensor Full(long[] shape, double value)
    {
        using var scalar = value.ToScalar();
        return torch.full(shape, scalar, torch.float32);
    }
}
