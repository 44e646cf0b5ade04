using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>Weights and bias of a quantized layer.</summary>
/// <param name="Values">s8 [M, ...], zero point 0</param>
/// <param name="Scales">[M]</param>
/// <param name="Bias">int32 [M], scale s_x * s_w; zeros where the layer has none</param>
/// <param name="Shape">Of <paramref name="Values"/>.</param>
internal sealed record QuantizedWeights(sbyte[] Values, float[] Scales, int[] Bias, int[] Shape)
{
    private double[]? _doubles;

    /// <summary><see cref="Values"/> for arithmetic in float64, made on first use.</summary>
    public double[] Doubles => _doubles ??= Array.ConvertAll(Values, v => (double)v);
}

/// <summary>
/// One integer operator of a QDQ graph: DequantizeLinear of each input, the node, a Relu or Clip, QuantizeLinear.
/// </summary>
/// <param name="Node">The operator; for the quantization of an input, or of a quantized value anew, the QuantizeLinear.</param>
/// <param name="Inputs">Names of the quantized (or, behind the head, float) values it reads; weights are not among them.</param>
/// <param name="Output">Name of the quantized (or float) value it makes.</param>
/// <param name="Quantization">Of the output, stated for u8; null where the output is float32.</param>
/// <param name="Clamp">A <see cref="Relu"/> or <see cref="Clip"/> between operator and quantization, or null.</param>
/// <param name="Weights">Of a Conv or Gemm.</param>
internal sealed record QuantizedStep(
    Node Node, IReadOnlyList<string> Inputs, string Output, ActivationQuantization? Quantization, Operator? Clamp, QuantizedWeights? Weights)
{
    /// <summary>A constant operand, stated for u8; then <see cref="Node"/> is its DequantizeLinear, and there are no inputs. Null for all else.</summary>
    public byte[]? Constant { get; init; }

    /// <summary>The clamp as bounds on real values.</summary>
    public (double Min, double Max)? Bounds => Clamp switch
    {
        null => null,
        Relu => (0, double.PositiveInfinity),
        Clip clip => (clip.Min, clip.Max),
        _ => throw new InvalidOperationException($"{Clamp.Type} is no clamp"),
    };

    public InvalidGraphException Fault(string what) => new($"node '{Node.Name}' ({Node.Op.Type}): {what}");
}
