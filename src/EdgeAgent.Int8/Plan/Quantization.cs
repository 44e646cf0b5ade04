namespace EdgeAgent.Int8.Plan;

/// <summary>
/// Affine quantization of one activation tensor: real = Scale * (q - ZeroPoint), q in [0, 255].
/// A signed tensor (q in [-128, 127]) is the same tensor with 128 added to q and to the zero point.
/// </summary>
public readonly record struct Quantization(float Scale, int ZeroPoint)
{
    /// <summary>The nearest q of a real value, saturated: the rule of ONNX's QuantizeLinear, the division in float64.</summary>
    public byte Quantize(double real) =>
        (byte)Math.Clamp(Math.Round(real / Scale, MidpointRounding.ToEven) + ZeroPoint, 0, 255);

    /// <summary>The real value of q, exact in float64.</summary>
    public double Dequantize(byte q) => (double)Scale * (q - ZeroPoint);

    /// <summary>Scales within these bounds keep every product and ratio of three of them finite and positive in float32.</summary>
    internal const float MinScale = 1f / (1L << 40), MaxScale = 1L << 40;

    internal bool IsValid => Scale is >= MinScale and <= MaxScale && ZeroPoint is >= 0 and <= 255;
}

/// <summary>Inclusive bounds of an operator's quantized result: a fused ReLU or clip.</summary>
public readonly record struct ActivationBounds(byte Low, byte High)
{
    public static ActivationBounds None { get; } = new(0, 255);

    /// <summary>max(x, 0) on an output of that quantization.</summary>
    public static ActivationBounds Relu(Quantization output) => new((byte)output.ZeroPoint, 255);

    /// <summary>Clip(x, min, max) on an output of that quantization; infinite bounds are allowed.</summary>
    public static ActivationBounds Clip(Quantization output, double min, double max) => new(output.Quantize(min), output.Quantize(max));
}
