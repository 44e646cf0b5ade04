using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// A QDQ graph as the float graph that it approximates, which can be trained: constants are the real numbers they stand for,
/// and values are no longer rounded. A quantization whose range begins at zero is a Relu too, and quantizers drop the one
/// that was there (as <see cref="QdqRewrite"/> does): where a value can be negative, it gets its Relu back, or, where
/// the range ends at six, its Relu6.
/// </summary>
public static class DropQuantization
{
    /// <param name="graph">Of float32 inputs and outputs, see <see cref="FloatInterface"/>. One that is not quantized is returned as it is.</param>
    public static GraphSpec Apply(GraphSpec graph)
    {
        if (!graph.Nodes.Any(n => n.Op is QuantizeLinear or DequantizeLinear))
            return graph;
        // Integers that are moved before they are dequantized, such as transposed weights, are constants too.
        graph = ConstantFolding.Apply(graph);
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var outputs = graph.Outputs.Select(o => o.Name).ToHashSet();
        var floats = new Dictionary<string, string>();
        // What is fed in is in the range that it has; only what the graph computes is clamped by its quantization.
        var nonNegative = graph.Inputs.Select(i => i.Name).ToHashSet();
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            if (node.Op is DequantizeLinear && node.Inputs.All(graph.Constants.ContainsKey))
            {
                constants[node.Output] = ConstantFolding.Compute(node, graph.Constants)[node.Output];
                continue;
            }
            var read = node with { Inputs = [.. node.Inputs.Select(i => floats.GetValueOrDefault(i, i))] };
            if (node.Op is QuantizeLinear or DequantizeLinear)
            {
                var value = read.Inputs[0];
                Operator passed = node.Op is QuantizeLinear && !nonNegative.Contains(value) && Clamp(node, graph.Constants) is { } clamp ? clamp : new Identity();
                if (passed is Identity && !outputs.Contains(node.Output))
                {
                    floats[node.Output] = value;
                    continue;
                }
                read = node with { Op = passed, Inputs = [value] };
            }
            if (IsNonNegative(read, i => nonNegative.Contains(i) || constants.TryGetValue(i, out var c) && c.Type == ElementType.Float32 && Array.TrueForAll(c.Floats, v => v >= 0)))
                nonNegative.UnionWith(read.Outputs);
            nodes.Add(read);
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused().Verify();
    }

    /// <summary>The activation function that a quantization whose lowest step is zero has taken the place of; null for any other.</summary>
    private static Operator? Clamp(Node quantize, IReadOnlyDictionary<string, Tensor> constants)
    {
        if (!constants.TryGetValue(quantize.Inputs[1], out var scales) || scales.Count != 1 || !constants.TryGetValue(quantize.Inputs[2], out var zeros) || zeros.Count != 1
            || zeros.Type is not (ElementType.UInt8 or ElementType.Int8))
            return null;
        var quantization = new ActivationQuantization(scales.Floats[0], (byte)(Quantizing.Integers(zeros)[0] + (zeros.Type == ElementType.Int8 ? 128 : 0)));
        if (quantization.Low < 0)
            return null;
        return Math.Abs(quantization.High - 6) < quantization.Scale / 2 ? new Clip(0, 6) : new Relu();
    }

    private static bool IsNonNegative(Node node, Predicate<string> input) => node.Op switch
    {
        Relu or Clip { Min: >= 0 } or Sigmoid or HardSigmoid or Softmax or Softplus or Abs or Exp => true,
        Reshape or Flatten or Transpose or Identity or MaxPool or AveragePool or GlobalMaxPool or GlobalAveragePool or ReduceMean or ReduceMax or ReduceSum
            or Pad { Value: >= 0 } or StridedSlice or Concat or Add or Mul or Max or Min => node.Inputs.All(i => input(i)),
        _ => false,
    };
}
