using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels;

/// <summary>
/// A convolution to be made ready. The input's border holds its zero point as far as the window reaches.
/// <see cref="Floats"/> is the output of a head (then <see cref="Output"/> has only a shape), null otherwise.
/// </summary>
/// <param name="weights">[M][kh][kw][C / groups], valid only while the step is constructed.</param>
internal readonly unsafe ref struct ConvolutionTask(
    TensorView input, TensorView output, float* floats, PlanWindow window, int groups, ActivationBounds bounds,
    ReadOnlySpan<sbyte> weights, ReadOnlySpan<float> scales, ReadOnlySpan<int> bias)
{
    public TensorView Input { get; } = input;

    public TensorView Output { get; } = output;

    public float* Floats { get; } = floats;

    public PlanWindow Window { get; } = window;

    public int Groups { get; } = groups;

    public Requantization Requantization { get; } = new(output.Zero, bounds.Low, bounds.High);

    public ReadOnlySpan<sbyte> Weights { get; } = weights;

    public ReadOnlySpan<int> Bias { get; } = bias;

    /// <summary>s_x * s_w[m] / s_y, or s_x * s_w[m] for a head: one rounding, from float64.</summary>
    public float[] Multipliers { get; } = MultipliersOf(input, output, floats, scales);

    /// <summary>Each output channel sees one input channel, which several may share.</summary>
    public bool IsDepthwise => Groups > 1 && Groups == Input.Channels && Floats == null;

    public int WeightsPerOutput => Window.KernelHeight * Window.KernelWidth * (Input.Channels / Groups);

    public long Macs => (long)Output.Shape.Pixels * Weights.Length;

    private static float[] MultipliersOf(TensorView input, TensorView output, float* floats, ReadOnlySpan<float> scales)
    {
        var multipliers = new float[scales.Length];
        for (var m = 0; m < multipliers.Length; m++)
        {
            var product = (double)input.Quantization.Scale * scales[m];
            multipliers[m] = (float)(floats != null ? product : product / output.Quantization.Scale);
        }
        return multipliers;
    }
}

/// <summary>Sum, difference or product of two tensors; <see cref="B"/> may have one pixel.</summary>
internal readonly struct ElementwiseTask(TensorView a, TensorView b, TensorView output, Arithmetic kind, ActivationBounds bounds)
{
    public TensorView A { get; } = a;

    public TensorView B { get; } = b;

    public TensorView Output { get; } = output;

    public Arithmetic Kind { get; } = kind;

    public Requantization Requantization { get; } = new(output.Zero, bounds.Low, bounds.High);

    /// <summary>s_a / s_y; of a product s_a * s_b / s_y.</summary>
    public float RatioA { get; } = Kernels.Requantization.Ratio(
        kind == Arithmetic.Multiply ? (double)a.Quantization.Scale * b.Quantization.Scale : a.Quantization.Scale, output.Quantization.Scale);

    /// <summary>s_b / s_y, negative for a difference; not used by a product.</summary>
    public float RatioB { get; } = (kind == Arithmetic.Subtract ? -1 : 1) * Kernels.Requantization.Ratio(b.Quantization.Scale, output.Quantization.Scale);

    public bool Broadcast => B.Shape != Output.Shape;
}

/// <summary>Maximum or average over a window; positions outside of the tensor do not count, unless <see cref="CountIncludePad"/>.</summary>
internal readonly struct PoolingTask(TensorView input, TensorView output, PlanWindow window, bool countIncludePad, ActivationBounds bounds)
{
    public TensorView Input { get; } = input;

    public TensorView Output { get; } = output;

    public PlanWindow Window { get; } = window;

    public Requantization Requantization { get; } = new(output.Zero, bounds.Low, bounds.High);

    /// <summary>s_x / (s_y * n): the factor of a sum over n positions, one rounding, from float64.</summary>
    public float Ratio(int count) =>
        (float)((double)Input.Quantization.Scale / ((double)Output.Quantization.Scale * count));

    /// <summary>The window's taps inside the tensor along one axis for output position <paramref name="o"/>: [first, last).</summary>
    public (int First, int Last) TapsY(int o) => Taps(o * Window.StrideY - Window.PadTop, Window.DilationY, Window.KernelHeight, Input.Height);

    public (int First, int Last) TapsX(int o) => Taps(o * Window.StrideX - Window.PadLeft, Window.DilationX, Window.KernelWidth, Input.Width);

    /// <summary>What an average at this output divides by; a window wholly outside of the tensor counts one.</summary>
    public int Divisor(int oy, int ox)
    {
        if (!countIncludePad)
            return Math.Max(1, (TapsY(oy).Last - TapsY(oy).First) * (TapsX(ox).Last - TapsX(ox).First));
        // With ceil_mode the last window may reach beyond the padding; what lies there does not count.
        var h = Taps(oy * Window.StrideY, Window.DilationY, Window.KernelHeight, Input.Height + Window.PadTop + Window.PadBottom);
        var w = Taps(ox * Window.StrideX, Window.DilationX, Window.KernelWidth, Input.Width + Window.PadLeft + Window.PadRight);
        return (h.Last - h.First) * (w.Last - w.First);
    }

    private static (int First, int Last) Taps(int start, int dilation, int kernel, int size)
    {
        var first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
        var last = start >= size ? 0 : Math.Min(kernel, (size - 1 - start) / dilation + 1);
        return last > first ? (first, last) : (0, 0);
    }
}
