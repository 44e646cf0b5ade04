using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Operators that are matrix products and what goes around them: Einsum and Attention.</summary>
internal static class OnnxProducts
{
    /// <summary>What a score that does not count gets; its share is then 0 in float32.</summary>
    private const float Masked = -1e30f;

    public static void Einsum(OnnxNode node, OnnxGraphBuilder graph)
    {
        var einsum = new Einsum(node.String("equation", ""), (op, inputs) => graph.EmitTemporary(node, op, inputs), name => graph.Value(name)!.Shape, node.Fault);
        string[] operands = [.. node.Proto.Input.Select((name, i) => OnnxOperators.Shape(node, graph, i) is not null ? name : "")];
        graph.Emit(node.Name, new Identity(), [einsum.Emit(operands)], node.Output(0));
    }

    /// <summary>
    /// Opset 23: softmax(scale * Q K^T + mask) V for each head. Q, K and V are [batch, heads, steps, depth], or [batch, steps,
    /// heads * depth]; several heads of Q may share one of K and V.
    /// </summary>
    public static void Attention(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Input(4).Length > 0 || node.Input(5).Length > 0 || node.Input(6).Length > 0 || node.Output(1).Length > 0 || node.Output(2).Length > 0 || node.Output(3).Length > 0)
            throw node.Fault("past and present keys and values, lengths of sequences, and scores as an output are not supported");
        var flat = OnnxOperators.Shape(node, graph, 0).Length == 3;
        var queryHeads = flat ? node.SmallInt("q_num_heads", 0) : OnnxOperators.Shape(node, graph, 0)[1];
        var heads = flat ? node.SmallInt("kv_num_heads", 0) : OnnxOperators.Shape(node, graph, 1)[1];
        if (queryHeads < 1 || heads < 1 || queryHeads % heads != 0)
            throw node.Fault($"has {queryHeads} heads of queries and {heads} of keys, which do not fit");
        var (query, key, value) = (Heads(node, graph, 0, queryHeads, 1), Heads(node, graph, 1, heads, queryHeads / heads), Heads(node, graph, 2, heads, queryHeads / heads));
        int[] q = graph.Value(query)!.Shape, k = graph.Value(key)!.Shape;
        var scale = node.Float("scale", 1 / MathF.Sqrt(q[3]));
        var scores = graph.EmitTemporary(node, new MatMul(), graph.EmitTemporary(node, new Mul(), query, graph.Scalar(node, scale)), graph.EmitTemporary(node, new Transpose([0, 1, 3, 2]), key));
        if (node.Float("softcap", 0) is > 0 and var cap)
            scores = graph.EmitTemporary(node, new Mul(), graph.EmitTemporary(node, new Tanh(), graph.EmitTemporary(node, new Div(), scores, graph.Scalar(node, cap))), graph.Scalar(node, cap));
        if (node.Input(3) is { Length: > 0 } mask)
            scores = graph.Value(mask)?.Type == ElementType.Bool
                ? graph.EmitTemporary(node, new Where(), mask, scores, graph.Scalar(node, Masked))
                : graph.EmitTemporary(node, new Add(), scores, mask);
        if (node.Flag("is_causal"))
            scores = graph.EmitTemporary(node, new Add(), scores, graph.AddConstant(node.Output(0) + "_causal", Causal(q[2], k[2])));
        var mixed = graph.EmitTemporary(node, new MatMul(), graph.EmitTemporary(node, new Softmax(3), scores), value);
        if (!flat)
        {
            graph.Emit(node.Name, new Identity(), [mixed], node.Output(0));
            return;
        }
        var together = graph.EmitTemporary(node, new Transpose([0, 2, 1, 3]), mixed);
        graph.Emit(node.Name, new Reshape([0, q[2], -1]), [together], node.Output(0));
    }

    /// <summary>[batch, heads * repeated, steps, depth] of an input in either form.</summary>
    private static string Heads(OnnxNode node, OnnxGraphBuilder graph, int input, int heads, int repeated)
    {
        var (value, shape) = (node.Input(input), OnnxOperators.Shape(node, graph, input));
        if (shape.Length is not (3 or 4) || shape.Length == 3 && shape[2] % heads != 0 || shape.Skip(1).Any(d => d < 1))
            throw node.Fault($"input {input} has the shape [{string.Join(',', shape)}], which is no sequence of {heads} heads");
        if (shape.Length == 3)
        {
            value = graph.EmitTemporary(node, new Transpose([0, 2, 1, 3]), graph.EmitTemporary(node, new Reshape([0, shape[1], heads, shape[2] / heads]), value));
            shape = graph.Value(value)!.Shape;
        }
        if (repeated == 1)
            return value;
        var apart = graph.EmitTemporary(node, new Expand([1, heads, repeated, shape[2], shape[3]]), graph.EmitTemporary(node, new Reshape([0, heads, 1, shape[2], shape[3]]), value));
        return graph.EmitTemporary(node, new Reshape([0, heads * repeated, shape[2], shape[3]]), apart);
    }

    private static Tensor Causal(int queries, int keys)
    {
        var values = new float[checked(queries * keys)];
        for (var i = 0; i < values.Length; i++)
            values[i] = i % keys > i / keys ? Masked : 0;
        return Tensor.Of(values, queries, keys);
    }
}
