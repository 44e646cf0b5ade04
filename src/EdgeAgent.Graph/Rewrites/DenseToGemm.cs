using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Gives every dense layer one form: Gemm with constant weights [outputs, inputs], bias [outputs], alpha and beta 1. A
/// MatMul of a matrix with constant weights becomes one, together with the bias added to it.
/// </summary>
public static class DenseToGemm
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var readers = graph.ReaderCounts();
        var constants = graph.Constants.ToDictionary(c => c.Key, c => c.Value);
        var nodes = new List<Node>(graph.Nodes.Count);
        var layers = new Dictionary<string, int>();
        foreach (var node in graph.Nodes)
        {
            if (AsGemm(node, shapes, constants) is { } gemm)
            {
                layers[node.Output] = nodes.Count;
                nodes.Add(gemm);
            }
            else if (node.Op is Add && AddedBias(node, layers, readers, constants) is var (index, bias)
                && Vector(constants[bias], shapes[node.Output].Shape, 1) is { } values)
            {
                var name = constants.AddConstant(node.Output + "_bias", values);
                nodes[index] = nodes[index] with { Inputs = [.. nodes[index].Inputs.Take(2), name], Outputs = node.Outputs };
            }
            else
                nodes.Add(node);
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }

    private static Node? AsGemm(Node node, IReadOnlyDictionary<string, ValueSpec> shapes, Dictionary<string, Tensor> constants)
    {
        if (node.Op is not (MatMul or Gemm { TransposeA: false }) || shapes[node.Inputs[0]].Shape.Length != 2
            || !constants.TryGetValue(node.Inputs[1], out var weights) || weights.Shape.Length != 2)
            return null;
        var gemm = node.Op as Gemm ?? new Gemm(1, 1, false, false);
        var inputs = new List<string> { node.Inputs[0], node.Inputs[1] };
        if (!gemm.TransposeB || gemm.Alpha != 1)
            inputs[1] = constants.AddConstant(node.Inputs[1] + "_t", Weights(weights, gemm));
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
        {
            if (!constants.TryGetValue(node.Inputs[2], out var c) || Vector(c, shapes[node.Output].Shape, gemm.Beta) is not { } bias)
                return null;
            inputs.Add(gemm.Beta == 1 && c.Shape.Length == 1 && c.Count == bias.Count ? node.Inputs[2] : constants.AddConstant(node.Inputs[2] + "_b", bias));
        }
        return node with { Op = new Gemm(1, 1, false, true), Inputs = inputs };
    }

    private static (int Index, string Bias)? AddedBias(Node add, Dictionary<string, int> layers, Dictionary<string, int> readers, Dictionary<string, Tensor> constants)
    {
        foreach (var (value, other) in new[] { (add.Inputs[0], add.Inputs[1]), (add.Inputs[1], add.Inputs[0]) })
            if (constants.ContainsKey(other) && layers.TryGetValue(value, out var index) && readers[value] == 1)
                return (index, other);
        return null;
    }

    private static Tensor Weights(Tensor weights, Gemm gemm)
    {
        var (rows, columns) = gemm.TransposeB ? (weights.Shape[0], weights.Shape[1]) : (weights.Shape[1], weights.Shape[0]);
        var target = new float[weights.Count];
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                target[r * columns + c] = gemm.Alpha * weights.Floats[gemm.TransposeB ? r * columns + c : c * rows + r];
        return Tensor.Of(target, rows, columns);
    }

    /// <summary>An addend that is the same for every sample as [outputs]; null for any other.</summary>
    private static Tensor? Vector(Tensor addend, int[] output, float factor)
    {
        if (output.Length != 2 || addend.Count != 1 && (addend.Count != output[1] || addend.Shape[^1] != output[1]) || addend.Shape.Length > 2)
            return null;
        var values = new float[output[1]];
        for (var i = 0; i < values.Length; i++)
            values[i] = factor * addend.Floats[addend.Count == 1 ? 0 : i];
        return Tensor.Of(values, values.Length);
    }
}
