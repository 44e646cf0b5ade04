using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>Weights: symmetric s8 in [-127, 127], one scale for each output channel (the outer axis).</summary>
public static class WeightQuantization
{
    private const int Limit = 127;

    // |b| + 255 * sum |w| must fit 31 bits; half of them are the bias's.
    private const double BiasLimit = 1 << 30;

    // Scales of channels that are always zero; anything that float32 arithmetic handles with ease.
    private const float SmallestScale = 1e-9f;

    /// <summary>max|w| / 127 of each output channel.</summary>
    public static float[] Scales(Tensor weights)
    {
        var channels = weights.Shape[0];
        var size = weights.Count / channels;
        var scales = new float[channels];
        for (var c = 0; c < channels; c++)
        {
            var max = 0f;
            foreach (var w in weights.Floats.AsSpan(c * size, size))
                max = MathF.Max(max, MathF.Abs(w));
            scales[c] = MathF.Max(max / Limit, SmallestScale);
        }
        return scales;
    }

    /// <summary>Scales that are valid, and large enough for the bias to fit its int32 of scale s_x * s_w.</summary>
    internal static float[] Usable(float[] scales, float[]? bias, float inputScale)
    {
        var usable = new float[scales.Length];
        for (var c = 0; c < scales.Length; c++)
        {
            if (!float.IsFinite(scales[c]) || scales[c] < 0)
                throw new ArgumentException($"weight scale {scales[c]} of channel {c} is no scale");
            var needed = bias is null ? 0 : Math.Abs((double)bias[c]) / (BiasLimit * inputScale);
            usable[c] = MathF.Max(MathF.Max(scales[c], SmallestScale), (float)(needed * 1.0001));
        }
        return usable;
    }

    /// <summary>clamp(rne(w / scale)), of the weights' shape.</summary>
    public static Tensor Quantize(Tensor weights, float[] scales)
    {
        var size = weights.Count / weights.Shape[0];
        var quantized = new sbyte[weights.Count];
        for (var i = 0; i < quantized.Length; i++)
            quantized[i] = (sbyte)Math.Clamp(MathF.Round(weights.Floats[i] / scales[i / size], MidpointRounding.ToEven), -Limit, Limit);
        return Tensor.Of(quantized, weights.Shape);
    }

    /// <summary>rne(b / (s_x * s_w)) with the product in float32, as the bias's own scale is stored; [M] int32.</summary>
    internal static (Tensor Bias, Tensor Scales) QuantizeBias(float[] bias, float[] weightScales, float inputScale)
    {
        var scales = Array.ConvertAll(weightScales, s => s * inputScale);
        var quantized = new int[bias.Length];
        for (var c = 0; c < bias.Length; c++)
            quantized[c] = (int)Math.Round(bias[c] / (double)scales[c], MidpointRounding.ToEven);
        return (Tensor.Of(quantized, bias.Length), Tensor.Of(scales, scales.Length));
    }
}
