namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>How quantized activations are written: a property of the board's engine, not of the model.</summary>
public enum ActivationFormat
{
    /// <summary>u8 with any zero point: x86.</summary>
    UInt8,

    /// <summary>s8 with any zero point, the u8 value minus 128: Arm.</summary>
    Int8,

    /// <summary>s8 with zero point 0: TensorRT.</summary>
    Int8Symmetric,
}

/// <summary>
/// Affine quantization of one activation tensor, in every format stated for u8: real = Scale * (q - ZeroPoint), q in
/// [0, 255]. A symmetric one has zero point 128.
/// </summary>
public readonly record struct ActivationQuantization(float Scale, byte ZeroPoint)
{
    /// <summary>The smallest real value that has a q of its own.</summary>
    public double Low => -(double)Scale * ZeroPoint;

    /// <summary>The largest real value that has a q of its own.</summary>
    public double High => (double)Scale * (255 - ZeroPoint);

    /// <summary>
    /// The quantization that covers [low, high] and 0, which is represented exactly. Symmetric formats cover
    /// +-max(|low|, |high|) with 127 steps on each side.
    /// </summary>
    public static ActivationQuantization Covering(double low, double high, ActivationFormat format)
    {
        (low, high) = (Math.Min(low, 0), Math.Max(high, 0));
        if (!double.IsFinite(low) || !double.IsFinite(high))
            throw new ArgumentException($"range [{low}, {high}] is not finite");
        // A tensor that is always zero still needs a scale.
        const double smallest = 1e-8;
        if (format == ActivationFormat.Int8Symmetric)
            return new((float)(Math.Max(Math.Max(-low, high), smallest) / 127), 128);
        var scale = (float)(Math.Max(high - low, smallest) / 255);
        return new(scale, (byte)Math.Clamp(Math.Round(-low / scale, MidpointRounding.ToEven), 0, 255));
    }
}

/// <summary>Everything <see cref="QdqRewrite"/> needs beside the graph.</summary>
/// <param name="Format">How activations are written.</param>
/// <param name="Activations">A quantization for each of <see cref="QuantizationPoints.Values"/>.</param>
/// <param name="WeightScales">
/// By the name of a layer's weight constant, one scale for each output channel; layers that are not listed get
/// max|w| / 127.
/// </param>
public sealed record QuantizationParameters(
    ActivationFormat Format,
    IReadOnlyDictionary<string, ActivationQuantization> Activations,
    IReadOnlyDictionary<string, float[]> WeightScales);
