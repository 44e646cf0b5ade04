using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Which values of a graph are quantized: exactly these must be fake-quantized in training for the exported model to
/// compute what was trained. Expects a graph from <see cref="Simplification.ForQuantization"/>.
/// </summary>
public sealed class QuantizationPoints
{
    private QuantizationPoints(
        IReadOnlyList<string> values, IReadOnlyDictionary<string, string> shared, IReadOnlyDictionary<string, string> clamped, IReadOnlySet<string> unquantized) =>
        (Values, Shared, Clamped, Unquantized) = (values, shared, clamped, unquantized);

    /// <summary>Values that need a quantization of their own, in the order of computation; inputs first.</summary>
    public IReadOnlyList<string> Values { get; }

    /// <summary>Values that operators which only move elements (Reshape, MaxPool, Pad, ...) leave in the quantization of another one of <see cref="Values"/>.</summary>
    public IReadOnlyDictionary<string, string> Shared { get; }

    /// <summary>Values that only a Relu or Clip reads: not quantized; the key is followed by the clamp's output, which is.</summary>
    public IReadOnlyDictionary<string, string> Clamped { get; }

    /// <summary>The head's logits and what follows them: these stay float32, or are the indices that an ArgMax makes.</summary>
    public IReadOnlySet<string> Unquantized { get; }

    /// <summary>The one of <see cref="Values"/> in whose quantization <paramref name="value"/> is.</summary>
    public string Root(string value) => Shared.GetValueOrDefault(value, value);

    public static QuantizationPoints Of(GraphSpec graph)
    {
        var producers = graph.Producers();
        var readers = graph.ReaderCounts();
        var unquantized = Head(graph, producers, readers);
        var types = ShapeInference.Infer(graph, -1);
        foreach (var node in graph.Nodes)
            if (types[node.Output].Type != ElementType.Float32)
                unquantized.Add(node.Output);
        var clamped = new Dictionary<string, string>();
        foreach (var node in graph.Nodes)
            if (node.Op is Relu or Clip && readers[node.Inputs[0]] == 1 && producers.TryGetValue(node.Inputs[0], out var above) && TakesClamp(above.Op))
                clamped[node.Inputs[0]] = node.Output;

        var values = new List<string>();
        var shared = new Dictionary<string, string>();
        foreach (var input in graph.Inputs)
            if (input.Type == ElementType.Float32)
                values.Add(input.Name);
        foreach (var node in graph.Nodes)
        {
            if (unquantized.Contains(node.Output) || clamped.ContainsKey(node.Output))
                continue;
            if (OnlyMoves(node.Op))
                shared[node.Output] = shared.GetValueOrDefault(node.Inputs[0], node.Inputs[0]);
            else
                values.Add(node.Output);
        }
        return new(values, shared, clamped, unquantized);
    }

    internal static bool OnlyMoves(Operator op) => op is Reshape or Flatten or Transpose or Identity or MaxPool or GlobalMaxPool or Pad or StridedSlice;

    /// <summary>Engines bound the result of these operators at no cost.</summary>
    private static bool TakesClamp(Operator op) => op is Conv or Gemm or MatMul or Add or Sub or Mul or AveragePool or GlobalAveragePool;

    /// <summary>Values from a last layer to the outputs, where nothing but shape, Softmax and ArgMax follows it.</summary>
    private static HashSet<string> Head(GraphSpec graph, Dictionary<string, Node> producers, Dictionary<string, int> readers)
    {
        var head = new HashSet<string>();
        foreach (var output in graph.Outputs)
        {
            var chain = new List<string>();
            var value = output.Name;
            while (producers.TryGetValue(value, out var node) && readers[value] == 1)
            {
                chain.Add(value);
                if (node.Op is Conv or Gemm)
                {
                    head.UnionWith(chain);
                    break;
                }
                if (node.Op is not (Reshape or Flatten or Transpose or Identity or Softmax or ArgMax or Cast))
                    break;
                value = node.Inputs[0];
            }
        }
        return head;
    }
}
