using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// What <see cref="DenseToGemm"/> is for float graphs: MatMul, and Gemm with weights [inputs, outputs], which other tools quantize as they
/// find them, become Gemm with weights [outputs, inputs], s8 as they are, and scales along the first axis. Values keep their names.
/// </summary>
internal static class QuantizedDenseToGemm
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var dequantized = graph.Nodes.Where(n => n.Op is DequantizeLinear && graph.Constants.ContainsKey(n.Inputs[0])).ToDictionary(n => n.Output);
        if (!graph.Nodes.Any(n => n.Op is MatMul or Gemm { TransposeB: false } && dequantized.ContainsKey(n.Inputs[1])))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            if (node.Op is MatMul or Gemm { TransposeB: false } && shapes[node.Inputs[0]].Shape.Length == 2
                && dequantized.TryGetValue(node.Inputs[1], out var weights) && constants[weights.Inputs[0]] is { Type: ElementType.Int8, Shape.Length: 2 } values)
            {
                if (shapes[weights.Inputs[1]].Shape is [> 1] && ((DequantizeLinear)weights.Op).Axis is not (1 or -1))
                    throw new InvalidGraphException($"node '{node.Name}' ({node.Op.Type}): its weights have scales along another axis than the output channels");
                // Layers may share weights; each has its own here.
                var stored = constants.AddConstant(graph.FreshName(node.Output + "_weights_q"), Transposed(values));
                var transposed = graph.FreshName(stored + "_dequantized");
                nodes.Add(new(weights.Name, new DequantizeLinear(0), [stored, .. weights.Inputs.Skip(1)], [transposed]));
                nodes.Add(node with
                {
                    Op = node.Op is Gemm gemm ? gemm with { TransposeB = true } : new Gemm(1, 1, false, true),
                    Inputs = [node.Inputs[0], transposed, .. node.Inputs.Skip(2)],
                });
            }
            else
                nodes.Add(node);
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused().Verify();
    }

    private static Tensor Transposed(Tensor weights)
    {
        var (rows, columns) = (weights.Shape[0], weights.Shape[1]);
        var target = new sbyte[weights.Count];
        Evaluation.Layout.Transpose<sbyte>([1, 0], (sbyte[])weights.Data, weights.Shape, target);
        return Tensor.Of(target, columns, rows);
    }
}
