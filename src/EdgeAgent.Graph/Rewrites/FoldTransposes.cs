using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// A Transpose in front of a Flatten, which channels-last models have before their dense layers, only says in which order
/// the features come: it is dropped, and the weights that read the features are put in the order that remains.
/// </summary>
public static class FoldTransposes
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        // A fold removes one way from a Transpose to a Flatten and makes none.
        while (graph.Nodes.Any(n => n.Op is Transpose) && Step(graph) is { } next)
            graph = next.RemoveUnused();
        return graph;
    }

    private static GraphSpec? Step(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var producers = graph.Producers();
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var flatten = graph.Nodes[i];
            if (flatten.Op is not (Flatten or Reshape) || !producers.TryGetValue(flatten.Inputs[0], out var above)
                || above.Op is not Transpose { Permutation: [0, ..] permutation })
                continue;
            var (from, to) = (shapes[above.Inputs[0]].Shape, shapes[flatten.Output].Shape);
            if (to.Length != 2 || to[0] != from[0])
                continue;
            var edit = new Reordering(graph);
            if (!edit.Follow(flatten.Output, Order(from[1..], permutation)))
                continue;
            edit.Nodes[i] = flatten with { Op = new Flatten(1), Inputs = [above.Inputs[0]] };
            return graph with { Nodes = edit.Nodes, Constants = edit.Constants };
        }
        return null;
    }

    /// <summary>For every feature behind the Transpose, its index without it.</summary>
    private static int[] Order(int[] shape, int[] permutation)
    {
        var count = shape.Aggregate(1, (a, b) => a * b);
        var order = new int[count];
        Evaluation.Layout.Transpose<int>([.. permutation.Skip(1).Select(p => p - 1)], Enumerable.Range(0, count).ToArray(), shape, order);
        return order;
    }

    /// <summary>The graph while the features of one value change places: feature i becomes feature order[i].</summary>
    private sealed class Reordering(GraphSpec graph)
    {
        private readonly ILookup<string, int> _readers =
            graph.Nodes.SelectMany((n, index) => n.Inputs.Distinct().Select(i => (Input: i, Index: index))).ToLookup(r => r.Input, r => r.Index);

        public List<Node> Nodes { get; } = [.. graph.Nodes];

        public Dictionary<string, Tensor> Constants { get; } = graph.Constants.ToDictionary(c => c.Key, c => c.Value);

        /// <summary>Reorders what reads <paramref name="value"/> [N, features]; false if something there cannot be.</summary>
        public bool Follow(string value, int[] order) =>
            graph.Outputs.All(o => o.Name != value) && _readers[value].All(index => Reorder(index, value, order));

        private bool Reorder(int index, string value, int[] order)
        {
            var node = graph.Nodes[index];
            if (node.Inputs[0] != value && node.Op is not BinaryOperator)
                return false;
            return node.Op switch
            {
                Gemm { TransposeA: false } gemm => node.Inputs.Skip(1).All(i => i != value) && Weights(index, gemm.TransposeB ? 1 : 0, order),
                MatMul => Weights(index, 0, order),
                UnaryOperator or Identity => Follow(node.Output, order),
                QuantizeLinear or DequantizeLinear => Constants.TryGetValue(node.Inputs[1], out var scale) && scale.Count == 1 && Follow(node.Output, order),
                BatchNormalization => Enumerable.Range(1, 4).All(i => Vector(index, i, order)) && Follow(node.Output, order),
                BinaryOperator => Enumerable.Range(0, 2).All(i => node.Inputs[i] == value || Vector(index, i, order)) && Follow(node.Output, order),
                _ => false,
            };
        }

        /// <summary>A dense layer's weights along their input axis, also where they are integers behind a DequantizeLinear.</summary>
        private bool Weights(int index, int axis, int[] order)
        {
            var name = graph.Nodes[index].Inputs[1];
            if (!Constants.ContainsKey(name) && _readers[name].Count() == 1 && Nodes.FindIndex(n => n.Op is DequantizeLinear && n.Output == name) is >= 0 and var dequantize
                && Nodes[dequantize].Inputs is [var integers, var scale, ..] && Constants.TryGetValue(integers, out var quantized) && quantized.Shape.Length == 2
                && Constants.TryGetValue(scale, out var scales) && (scales.Count == 1 || ((DequantizeLinear)Nodes[dequantize].Op).Axis is var scaled && (scaled + 2) % 2 != axis))
                return Replace(dequantize, 0, Moved(quantized, axis, order));
            return Constants.TryGetValue(name, out var weights) && weights.Shape.Length == 2 && Replace(index, 1, Moved(weights, axis, order));
        }

        /// <summary>A constant that has one number for all features, or one for each.</summary>
        private bool Vector(int index, int input, int[] order)
        {
            if (!Constants.TryGetValue(graph.Nodes[index].Inputs[input], out var constant))
                return false;
            if (constant.Count == 1)
                return true;
            return constant.Count == order.Length && constant.Shape[^1] == order.Length && constant.Shape.Length <= 2
                && Replace(index, input, Moved(constant, constant.Shape.Length - 1, order));
        }

        private bool Replace(int index, int input, Tensor tensor)
        {
            // A new name: other nodes may share the old constant.
            var name = graph.FreshName(Nodes[index].Output + "_" + Nodes[index].Inputs[input]);
            while (!Constants.TryAdd(name, tensor))
                name += "_";
            Nodes[index] = Nodes[index] with { Inputs = [.. Nodes[index].Inputs.Select((old, i) => i == input ? name : old)] };
            return true;
        }

        private static Tensor Moved(Tensor tensor, int axis, int[] order)
        {
            var result = Tensor.Copy(tensor);
            var inner = tensor.Shape[(axis + 1)..].Aggregate(1, (a, b) => a * b);
            for (var start = 0; start < tensor.Count; start += order.Length * inner)
                for (var i = 0; i < order.Length; i++)
                    Array.Copy(tensor.Data, start + i * inner, result.Data, start + order[i] * inner, inner);
            return result;
        }
    }
}
