namespace EdgeAgent.Graph.Ir;

/// <summary>What a model costs, counted on the graph.</summary>
/// <param name="Operators">Operator types with counts, most frequent first.</param>
/// <param name="Parameters">Elements of floating-point and quantized weight constants (biases and normalisation included).</param>
/// <param name="Macs">Multiply-accumulates of convolutions and matrix products at batch 1.</param>
public sealed record GraphStatistics(IReadOnlyList<KeyValuePair<string, int>> Operators, long Parameters, long Macs)
{
    /// <exception cref="InvalidGraphException">The graph's shapes do not fit.</exception>
    public static GraphStatistics Of(GraphSpec graph)
    {
        var values = ShapeInference.Infer(graph, batch: 1);
        var operators = graph.Nodes.CountBy(n => n.Op.Type)
            .OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).ToList();
        return new(operators, CountParameters(graph), graph.Nodes.Sum(n => MacsOf(n, values)));
    }

    /// <summary>The nodes one by one, without those that only change the number format.</summary>
    public static IReadOnlyList<LayerStatistics> Layers(GraphSpec graph)
    {
        var (single, batched) = (ShapeInference.Infer(graph, batch: 1), ShapeInference.Infer(graph, batch: -1));
        var stored = graph.Constants.ToDictionary(c => c.Key, c => c.Value.Type is ElementType.Int64 or ElementType.Bool ? 0L : c.Value.Count);
        foreach (var node in graph.Nodes.Where(n => n.Op is DequantizeLinear && stored.ContainsKey(n.Inputs[0])))
            stored[node.Output] = stored[node.Inputs[0]];
        return
        [
            .. graph.Nodes.Where(n => n.Op is not (QuantizeLinear or DequantizeLinear))
                .Select(n => new LayerStatistics(n.Name, n.Op.Type, batched[n.Output].Shape, n.Inputs.Distinct().Sum(i => stored.GetValueOrDefault(i)), MacsOf(n, single))),
        ];
    }

    /// <summary>Multiply-accumulates of one node, for the shapes in <paramref name="values"/>; 0 for operators that are not products.</summary>
    public static long MacsOf(Node node, IReadOnlyDictionary<string, ValueSpec> values)
    {
        var output = Elements(values[node.Output].Shape);
        return node.Op switch
        {
            // Per output element: one MAC for every weight of its output channel.
            Conv => output * Elements(values[node.Inputs[1]].Shape[1..]),
            // Per input element: one for every weight of its channel.
            ConvTranspose => Elements(values[node.Inputs[0]].Shape) * Elements(values[node.Inputs[1]].Shape[1..]),
            Gemm gemm => output * values[node.Inputs[0]].Shape[gemm.TransposeA ? 0 : 1],
            MatMul => output * values[node.Inputs[0]].Shape[^1],
            // One for every weight and recurrent weight at every step.
            RecurrentOperator => Elements(values[node.Inputs[0]].Shape[..2]) * (Elements(values[node.Inputs[1]].Shape) + Elements(values[node.Inputs[2]].Shape)),
            _ => 0,
        };
    }

    /// <summary>Values that all operators but products and views write at batch 1: work that goes over memory, and shrinks with a model's width and not with its square.</summary>
    public static long ElementwiseOf(GraphSpec graph)
    {
        var values = ShapeInference.Infer(graph, batch: 1);
        return graph.Nodes.Where(n => n.Op is not (Conv or ConvTranspose or Gemm or MatMul or Reshape or Flatten or Identity)).Sum(n => Elements(values[n.Output].Shape));
    }

    /// <summary>Values that all operators but views write at batch 1: what training keeps for the way back is about that.</summary>
    public static long ActivationsOf(GraphSpec graph)
    {
        var values = ShapeInference.Infer(graph, batch: 1);
        return graph.Nodes.Where(n => n.Op is not (Reshape or Flatten or Identity)).Sum(n => Elements(values[n.Output].Shape));
    }

    // Scales and zero points describe the number format of weights; they are no parameters of their own.
    private static long CountParameters(GraphSpec graph)
    {
        var quantization = graph.Nodes.Where(n => n.Op is QuantizeLinear or DequantizeLinear).SelectMany(n => n.Inputs.Skip(1)).ToHashSet();
        return graph.Constants.Where(c => !quantization.Contains(c.Key) && c.Value.Type is not (ElementType.Int64 or ElementType.Bool)).Sum(c => (long)c.Value.Count);
    }

    private static long Elements(int[] shape) => shape.Aggregate(1L, (a, b) => a * b);
}

/// <summary>One node of a model.</summary>
/// <param name="Shape">Of its first result; -1 stands for the batch.</param>
/// <param name="Parameters">Elements of the constants that it reads.</param>
/// <param name="Macs">At batch 1.</param>
public sealed record LayerStatistics(string Name, string Type, IReadOnlyList<int> Shape, long Parameters, long Macs);
