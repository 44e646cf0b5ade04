using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Quantizes the logits that <see cref="QdqRewrite"/> leaves in float32, for engines and formats that compute in integers to
/// the end: TensorFlow Lite in full int8. A Softmax behind them stays float32, or gets the range 0 to 1.
/// </summary>
public static class HeadQuantization
{
    /// <param name="qdq">From <see cref="QdqRewrite"/>.</param>
    /// <param name="samples">Inputs whose logits say the range.</param>
    public static GraphSpec Apply(GraphSpec qdq, IEnumerable<IReadOnlyDictionary<string, Tensor>> samples)
    {
        var shapes = ShapeInference.Infer(qdq, -1);
        var heads = qdq.Nodes.Where(n => n.Op is Conv or Gemm && !qdq.Nodes.Any(r => r.Inputs.Contains(n.Output) && r.Op is QuantizeLinear or Relu or Clip)).ToList();
        var ranges = heads.ToDictionary(h => h.Output, _ => (Low: double.PositiveInfinity, High: double.NegativeInfinity));
        var watched = new GraphInterpreter(qdq with { Outputs = [.. heads.Select(h => shapes[h.Output])] });
        foreach (var sample in samples)
            foreach (var (name, tensor) in watched.Run(sample))
                ranges[name] = (Math.Min(ranges[name].Low, tensor.Floats.Min()), Math.Max(ranges[name].High, tensor.Floats.Max()));
        var format = qdq.Nodes.Where(n => n.Op is QuantizeLinear).Select(n => qdq.Constants[n.Inputs[2]].Type).Contains(ElementType.UInt8) ? ActivationFormat.UInt8 : ActivationFormat.Int8;
        foreach (var head in heads)
            qdq = Quantized(qdq, head, ActivationQuantization.Covering(ranges[head.Output].Low, ranges[head.Output].High, format), format);
        return qdq.Verify();
    }

    /// <summary>Readers of the head, and an output of the graph, see the dequantized logits.</summary>
    private static GraphSpec Quantized(GraphSpec graph, Node head, ActivationQuantization quantization, ActivationFormat format)
    {
        var (raw, quantized) = (graph.FreshName(head.Output + "_raw"), graph.FreshName(head.Output + "_q"));
        var (scale, zero) = (graph.FreshName(head.Output + "_scale"), graph.FreshName(head.Output + "_zero"));
        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            if (node.Name != head.Name || node.Output != head.Output)
            {
                nodes.Add(node);
                continue;
            }
            nodes.Add(node with { Outputs = [raw] });
            nodes.Add(new(head.Output + "_quantize", new QuantizeLinear(1), [raw, scale, zero], [quantized]));
            nodes.Add(new(head.Output + "_dequantize", new DequantizeLinear(1), [quantized, scale, zero], [head.Output]));
        }
        var zeroPoint = format == ActivationFormat.UInt8 ? Tensor.Of([quantization.ZeroPoint]) : Tensor.Of([(sbyte)(quantization.ZeroPoint - 128)]);
        return graph with { Nodes = nodes, Constants = graph.Constants.With((scale, Tensor.Of([quantization.Scale])), (zero, zeroPoint)) };
    }
}
