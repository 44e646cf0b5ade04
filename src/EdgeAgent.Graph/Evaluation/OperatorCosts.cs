using EdgeAgent.Contracts.Costs;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>What a model's operators cost, in the terms of the cost model, at batch 1.</summary>
public static class OperatorCosts
{
    /// <summary>The operators of a compiled plan.</summary>
    public static IReadOnlyList<OperatorCost> Of(PlanModel plan) => [.. plan.Operators.Select(Of)];

    /// <summary>
    /// The operators that a graph has once an engine has fused it: batch-norms, activations and shape changes cost
    /// nothing of their own. For students that are not compiled yet, and for engines other than the int8 one.
    /// </summary>
    /// <param name="graph">A verified float graph.</param>
    /// <param name="bytesPerElement">1 for int8, 4 for float32.</param>
    public static IReadOnlyList<OperatorCost> Of(GraphSpec graph, int bytesPerElement = 1)
    {
        var values = ShapeInference.Infer(graph, batch: 1);
        var costs = new List<OperatorCost>();
        // The plan quantizes its input in an operator of its own.
        foreach (var input in graph.Inputs)
            costs.Add(new OperatorCost(input.Name, "Quantize", OperatorKind.Elementwise, values[input.Name].Shape, values[input.Name].Shape, 0, 0, (4 + bytesPerElement) * Count(values[input.Name].Shape)));
        foreach (var node in graph.Nodes)
            if (Kind(node, graph, values) is { } kind)
                costs.Add(Of(node, kind, graph, values, bytesPerElement));
        return costs;
    }

    private static OperatorCost Of(OperatorSummary op)
    {
        var kind = op.Type switch
        {
            "DepthwiseConv" => OperatorKind.Depthwise,
            "Dense" => OperatorKind.Dense,
            "Conv" when op.Window is { KernelHeight: 1, KernelWidth: 1 } && op.Groups == 1 => OperatorKind.Pointwise,
            "Conv" => OperatorKind.Conv,
            _ => OperatorKind.Elementwise,
        };
        // A dense layer reads its input flat, whatever shape it had.
        var input = op.Inputs.Count == 0 ? op.Output : op.Inputs[0];
        return new OperatorCost(
            op.Name, op.Type, kind,
            kind == OperatorKind.Dense ? [1, input.Count] : Nchw(input),
            kind == OperatorKind.Dense ? [1, op.Output.Count] : Nchw(op.Output),
            op.Macs, op.WeightBytes, op.ActivationBytes);
    }

    private static OperatorCost Of(Node node, OperatorKind kind, GraphSpec graph, IReadOnlyDictionary<string, ValueSpec> values, int bytesPerElement)
    {
        var output = values[node.Output].Shape;
        long weights = 0, activations = Count(output);
        foreach (var input in node.Inputs.Where(i => i.Length > 0))
        {
            if (graph.Constants.TryGetValue(input, out var constant))
                weights += constant.Count;
            else
                activations += Count(values[input].Shape);
        }
        return new OperatorCost(
            node.Name, node.Op.Type, kind, values[node.Inputs[0]].Shape, output,
            GraphStatistics.MacsOf(node, values), weights * bytesPerElement, activations * bytesPerElement);
    }

    private static OperatorKind? Kind(Node node, GraphSpec graph, IReadOnlyDictionary<string, ValueSpec> values) => node.Op switch
    {
        Conv conv when conv.Groups > 1 && conv.Groups == values[node.Inputs[0]].Shape[1] && conv.Groups == values[node.Output].Shape[1] => OperatorKind.Depthwise,
        Conv conv when conv.Groups == 1 && conv.Window.Kernel.All(k => k == 1) => OperatorKind.Pointwise,
        Conv or ConvTranspose => OperatorKind.Conv,
        Gemm or MatMul => OperatorKind.Dense,
        // A constant that is added or multiplied to is a bias or a scale, which engines fold into the layer before it.
        Add or Sub or Mul or Div => node.Inputs.Any(graph.Constants.ContainsKey) ? null : OperatorKind.Elementwise,
        Concat or MaxPool or AveragePool or GlobalAveragePool or GlobalMaxPool or ReduceMean or Pad or StridedSlice => OperatorKind.Elementwise,
        Sigmoid or HardSigmoid or HardSwish or Tanh or Softmax or LeakyRelu => OperatorKind.Elementwise,
        _ => null,
    };

    private static int[] Nchw(PlanShape shape) => [1, shape.Channels, shape.Height, shape.Width];

    private static long Count(int[] shape) => shape.Aggregate(1L, (count, d) => count * Math.Abs((long)d));
}
