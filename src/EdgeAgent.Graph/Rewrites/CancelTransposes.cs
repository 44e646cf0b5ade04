using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Models that come from NHWC frameworks carry a Transpose before and after every convolution. Transposes are moved
/// towards the outputs, through operators that do not care about the order of axes, until they meet their inverse; one
/// that meets none and moves only axes of size 1 becomes a Reshape.
/// </summary>
public static class CancelTransposes
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        // Every step moves one Transpose further down, merges two or removes one: the bound is never reached by a step that helps.
        for (var steps = graph.Nodes.Count * graph.Nodes.Count; steps >= 0; steps--)
        {
            if (Step(graph) is not { } next)
                break;
            graph = DropIdentities.Apply(next.RemoveUnused());
        }
        return DropIdentities.Apply(WithoutMovesOfOnes(graph));
    }

    private static GraphSpec WithoutMovesOfOnes(GraphSpec graph)
    {
        if (!graph.Nodes.Any(n => n.Op is Transpose))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        return graph with { Nodes = [.. graph.Nodes.Select(n => n.Op is Transpose t && MovesOnlyOnes(t.Permutation, shapes[n.Inputs[0]].Shape) ? n with { Op = AsReshape(t.Permutation, shapes[n.Inputs[0]].Shape) } : n)] };
    }

    private static Reshape AsReshape(int[] permutation, int[] shape) =>
        new([.. permutation.Select((p, to) => shape[p] < 0 && p == to ? 0L : shape[p] < 0 ? -1L : shape[p])]);

    private static GraphSpec? Step(GraphSpec graph)
    {
        if (!graph.Nodes.Any(n => n.Op is Transpose))
            return null;
        var producers = graph.Producers();
        var readers = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (Input: i, Node: n))).ToLookup(p => p.Input, p => p.Node);
        var outputs = graph.Outputs.Select(o => o.Name).ToHashSet();
        // A Transpose moves on only if all its readers let it through: otherwise one would stay and others be added. So would they
        // where a value is cut into several slices.
        bool Movable(string name, int[] permutation) =>
            !outputs.Contains(name) && readers[name].All(n => n.Op is Transpose || Through(n.Op, permutation) is not null)
            && readers[name].Count(n => n.Op is StridedSlice) < 2;
        Node? Above(string name) => producers.TryGetValue(name, out var node) && node.Op is Transpose ? node : null;

        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            if (node.Op is Transpose transpose)
            {
                if (Above(node.Inputs[0]) is { } first)
                    return Replace(graph, i, node with
                    {
                        Op = new Transpose(Array.ConvertAll(transpose.Permutation, p => ((Transpose)first.Op).Permutation[p])),
                        Inputs = first.Inputs,
                    });
                continue;
            }
            if (Sunk(node, graph, Above, Movable) is { } below)
                return below(i);
        }
        return null;
    }

    /// <summary>The graph with the Transposes above <paramref name="node"/> moved below it, if the node lets them through.</summary>
    private static Func<int, GraphSpec>? Sunk(Node node, GraphSpec graph, Func<string, Node?> above, Func<string, int[], bool> movable)
    {
        if (node.Inputs.Count == 0)
            return null;
        var permutation = node.Inputs.Select(above).FirstOrDefault(n => n is not null)?.Op is Transpose t ? t.Permutation : null;
        if (permutation is null || Through(node.Op, permutation) is not { } op)
            return null;
        var rank = permutation.Length;
        var inputs = new List<string>();
        var constants = new List<(string, Tensor)>();
        foreach (var input in node.Inputs)
        {
            if (inputs.Count > 0 && op is QuantizeLinear or DequantizeLinear)
                inputs.Add(input);
            else if (above(input) is { } transpose && ((Transpose)transpose.Op).Permutation.AsSpan().SequenceEqual(permutation) && movable(input, permutation))
                inputs.Add(transpose.Inputs[0]);
            else if (graph.Constants.TryGetValue(input, out var tensor) && tensor.Type == ElementType.Float32 && tensor.Shape.Length <= rank)
            {
                var name = graph.FreshName(node.Output + "_" + input);
                inputs.Add(name);
                constants.Add((name, Moved(tensor, permutation)));
            }
            else
                return null;
        }
        return index =>
        {
            var raw = graph.FreshName(node.Output + "_raw");
            var nodes = graph.Nodes.ToList();
            nodes[index] = node with { Op = op, Inputs = inputs, Outputs = [raw] };
            nodes.Insert(index + 1, new(node.Name + "_transpose", new Transpose(permutation), [raw], node.Outputs));
            return graph with { Nodes = nodes, Constants = graph.Constants.With([.. constants]) };
        };
    }

    /// <summary>The operator as it acts before the permutation; null if it depends on the order of axes.</summary>
    private static Operator? Through(Operator op, int[] permutation) => op switch
    {
        UnaryOperator or BinaryOperator => op,
        Concat concat => new Concat(MovedAxis(concat.Axis, permutation)),
        Softmax softmax => new Softmax(MovedAxis(softmax.Axis, permutation)),
        ReduceMean { KeepDims: true } mean => mean with { Axes = Array.ConvertAll(mean.Axes, a => MovedAxis(a, permutation)) },
        // Where scales are along an axis; otherwise the number has no meaning, but must stay one.
        QuantizeLinear quantize => quantize with { Axis = MovedAxis(quantize.Axis, permutation) },
        DequantizeLinear dequantize => new DequantizeLinear(MovedAxis(dequantize.Axis, permutation)),
        Pad pad => pad with { Pads = Moved(pad.Pads, permutation) },
        StridedSlice slice => slice with { Axes = Array.ConvertAll(slice.Axes, a => MovedAxis(a, permutation)) },
        _ => null,
    };

    private static int MovedAxis(int axis, int[] permutation)
    {
        var index = axis < 0 ? axis + permutation.Length : axis;
        return index >= 0 && index < permutation.Length ? permutation[index] : axis;
    }

    private static int[] Moved(int[] pads, int[] permutation)
    {
        var (rank, result) = (permutation.Length, new int[pads.Length]);
        for (var axis = 0; axis < rank; axis++)
            (result[permutation[axis]], result[permutation[axis] + rank]) = (pads[axis], pads[axis + rank]);
        return result;
    }

    /// <summary>A constant operand, filled up to the full rank and permuted back.</summary>
    private static Tensor Moved(Tensor tensor, int[] permutation)
    {
        if (tensor.Count == 1)
            return tensor;
        int[] full = [.. Enumerable.Repeat(1, permutation.Length - tensor.Shape.Length), .. tensor.Shape];
        var inverse = new int[permutation.Length];
        for (var axis = 0; axis < inverse.Length; axis++)
            inverse[permutation[axis]] = axis;
        var target = new float[tensor.Count];
        Evaluation.Layout.Transpose<float>(inverse, tensor.Floats, full, target);
        return Tensor.Of(target, Array.ConvertAll(inverse, a => full[a]));
    }

    private static bool MovesOnlyOnes(int[] permutation, int[] shape) =>
        permutation.Where(p => shape[p] != 1).SequenceEqual(permutation.Where(p => shape[p] != 1).Order());

    private static GraphSpec Replace(GraphSpec graph, int index, Node node)
    {
        var nodes = graph.Nodes.ToList();
        nodes[index] = node;
        return graph with { Nodes = nodes };
    }
}
