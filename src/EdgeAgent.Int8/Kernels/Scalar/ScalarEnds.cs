using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Scalar;

/// <summary>Where the caller's float input lies during a run: [C, H, W].</summary>
internal sealed unsafe class InputSource
{
    public float* Data { get; set; }
}

/// <summary>The definition of the input's quantization: v = x / s in float32, rounded.</summary>
internal sealed unsafe class ScalarQuantize(InputSource source, TensorView output) : Step
{
    private readonly Requantization _requantization = new(output.Zero, 0, 255);

    public override int Units => output.Height;

    public override long Work => 8L * output.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
            for (var x = 0; x < output.Width; x++)
                for (var c = 0; c < output.Channels; c++)
                    output.Pixel(y, x)[c] = _requantization.Round(
                        source.Data[((nint)c * output.Height + y) * output.Width + x] / output.Quantization.Scale);
    }
}

/// <summary>v = (q - z) * s in float32.</summary>
internal sealed unsafe class DequantizeStep(TensorView input, float* output) : Step
{
    public override int Units => input.Height;

    public override long Work => 40L * input.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
            for (var i = 0; i < input.RowLength; i++)
                output[(nint)y * input.RowLength + i] = (input.Row(y)[i] - input.Zero) * input.Quantization.Scale;
    }
}

/// <summary>The elements in [C, H, W] order under another shape; both tensors have their channels innermost.</summary>
internal sealed unsafe class FloatReshapeStep(float* input, PlanShape from, float* output, PlanShape to) : Step
{
    public override int Units => 1;

    public override long Work => 10L * to.Count;

    public override void Run(int first, int last)
    {
        var i = 0;
        for (var c = 0; c < to.Channels; c++)
            for (var p = 0; p < to.Pixels; p++, i++)
                output[(nint)p * to.Channels + c] = input[(nint)(i % from.Pixels) * from.Channels + i / from.Pixels];
    }
}

/// <summary>exp(x - max) / sum over the channels of each pixel, in float64, rounded to float32 once.</summary>
internal sealed unsafe class SoftmaxStep(float* input, float* output, int pixels, int channels) : Step
{
    public override int Units => pixels;

    public override long Work => 16L * pixels * channels;

    public override void Run(int first, int last)
    {
        for (var p = first; p < last; p++)
        {
            var x = new ReadOnlySpan<float>(input + (nint)p * channels, channels);
            var y = output + (nint)p * channels;
            double max = x[0];
            foreach (var v in x)
                max = Math.Max(max, v);
            var sum = 0.0;
            foreach (var v in x)
                sum += Exponential.OfNonPositive(v - max);
            for (var c = 0; c < channels; c++)
                y[c] = (float)(Exponential.OfNonPositive(x[c] - max) / sum);
        }
    }
}

/// <summary>The index of the first largest channel of each pixel.</summary>
internal sealed unsafe class ArgMaxStep(float* input, float* output, int pixels, int channels) : Step
{
    public override int Units => pixels;

    public override long Work => 4L * pixels * channels;

    public override void Run(int first, int last)
    {
        for (var p = first; p < last; p++)
        {
            var x = new ReadOnlySpan<float>(input + (nint)p * channels, channels);
            var largest = 0;
            for (var c = 1; c < channels; c++)
                largest = x[c] > x[largest] ? c : largest;
            output[p] = largest;
        }
    }
}

/// <summary>
/// e^x from additions and multiplications only, so that every CPU and C library gives the same bits;
/// relative error below 1e-14.
/// </summary>
internal static class Exponential
{
    private const double Log2E = 1.4426950408889634;
    private const double Ln2High = 0.693145751953125; // 20 bits: its products with small integers are exact
    private const double Ln2Low = 1.4286068203094172321e-6;

    /// <summary>e^x for x at most 0; 0 below -700.</summary>
    public static double OfNonPositive(double x)
    {
        if (!(x > -700))
            return 0;
        var n = Math.Round(x * Log2E);
        var r = x - n * Ln2High - n * Ln2Low;
        // Taylor series to the 13th power on |r| <= ln(2) / 2, innermost term first.
        var e = 1.0;
        for (var k = 13; k >= 1; k--)
            e = 1 + r * e / k;
        return BitConverter.UInt64BitsToDouble((ulong)((long)n + 1023) << 52) * e;
    }
}
