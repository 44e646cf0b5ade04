namespace EdgeAgent.Graph.Ir;

/// <summary>How a QDQ graph is quantized, in a few words.</summary>
/// <param name="Activations">Type of the values between operators; several are joined by a plus.</param>
/// <param name="Weights">Type of the weights; several are joined by a plus.</param>
/// <param name="PerChannel">Whether any weights have a scale for each output channel.</param>
/// <param name="QuantizedLayers">Convolutions and products whose input and weights are both integers.</param>
/// <param name="Layers">All convolutions and products.</param>
public sealed record QuantizationSummary(string Activations, string Weights, bool PerChannel, int QuantizedLayers, int Layers)
{
    /// <summary>Null for a graph that holds floats only.</summary>
    public static QuantizationSummary? Of(GraphSpec graph)
    {
        var dequantized = graph.Nodes.Where(n => n.Op is DequantizeLinear).ToDictionary(n => n.Output);
        if (dequantized.Count == 0)
            return null;
        var moves = graph.Nodes.Where(n => n.Op is Reshape or Flatten or Transpose or Identity or Pad).ToDictionary(n => n.Output);
        bool IsConstant(Node node) => graph.Constants.ContainsKey(node.Inputs[0]);
        string Types(IEnumerable<Node> nodes) => string.Join('+', nodes.Select(n => graph.Constants.GetValueOrDefault(n.Inputs[2])?.Type).OfType<ElementType>().Distinct().Order().Select(t => t.ToString().ToLowerInvariant()));
        var layers = graph.Nodes.Where(n => n.Op is Conv or ConvTranspose or Gemm or MatMul or RecurrentOperator).ToList();
        var weights = layers.Select(l => dequantized.GetValueOrDefault(l.Inputs[1])).OfType<Node>().Where(IsConstant).ToList();
        return new(
            Types(dequantized.Values.Where(n => !IsConstant(n))),
            Types(weights),
            weights.Exists(w => graph.Constants.GetValueOrDefault(w.Inputs[1])?.Count > 1),
            layers.Count(l => IsInteger(l.Inputs[0]) && dequantized.ContainsKey(l.Inputs[1])),
            layers.Count);

        // Elements that are only moved stay integers.
        bool IsInteger(string value)
        {
            while (moves.TryGetValue(value, out var move))
                value = move.Inputs[0];
            return dequantized.ContainsKey(value);
        }
    }
}
