using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Operators that ONNX Runtime's optimizer makes of several and writes into the models it saves.</summary>
internal static class OnnxFused
{
    /// <summary>alpha * A * B, the last two axes of either transposed where the node says so.</summary>
    public static void MatMul(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (node.Flag("transBatchA") || node.Flag("transBatchB"))
            throw node.Fault("transposes the batch, which is not supported");
        string Operand(int input, string flag)
        {
            var rank = OnnxOperators.Shape(node, graph, input).Length;
            return node.Flag(flag) && rank > 1 ? graph.EmitTemporary(node, new Transpose([.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2]), node.Input(input)) : node.Input(input);
        }
        var (a, b, alpha) = (Operand(0, "transA"), Operand(1, "transB"), node.Float("alpha", 1));
        if (alpha == 1)
            graph.Emit(node.Name, new MatMul(), [a, b], node.Output(0));
        else
            graph.Emit(node.Name, new Mul(), [graph.EmitTemporary(node, new MatMul(), a, b), graph.Scalar(node, alpha)], node.Output(0));
    }

    /// <summary>A convolution and the activation behind it.</summary>
    public static void Convolution(OnnxNode node, OnnxGraphBuilder graph)
    {
        var weights = OnnxOperators.Shape(node, graph, 1);
        if (weights.Length is not (3 or 4))
            throw node.Fault($"has weights of rank {weights.Length}; 1-D and 2-D convolutions are supported");
        var window = OnnxShapes.Window(node, OnnxOperators.Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? weights[2..]);
        var y = graph.EmitTemporary(node, new Conv(window, node.SmallInt("group", 1)), [.. Enumerable.Range(0, 3).Select(node.Input).Where(i => i.Length > 0)]);
        if (node.Input(3).Length > 0)
            y = graph.EmitTemporary(node, new Add(), y, node.Input(3));
        graph.Emit(node.Name, Activation(node), [y], node.Output(0));
    }

    public static void Gemm(OnnxNode node, OnnxGraphBuilder graph)
    {
        var gemm = new Gemm(node.Float("alpha", 1), node.Float("beta", 1), node.Flag("transA"), node.Flag("transB"));
        graph.Emit(node.Name, Activation(node), [graph.EmitTemporary(node, gemm, [.. Enumerable.Range(0, 3).Select(node.Input).Where(i => i.Length > 0)])], node.Output(0));
    }

    /// <summary>LayerNormalization of the sum of two values and a bias; the fourth output is the sum.</summary>
    public static void SkipLayer(OnnxNode node, OnnxGraphBuilder graph)
    {
        var sum = graph.EmitTemporary(node, new Add(), node.Input(0), node.Input(1));
        if (node.Input(4).Length > 0)
            sum = graph.EmitTemporary(node, new Add(), sum, node.Input(4));
        string[] inputs = node.Input(3).Length > 0 ? [sum, node.Input(2), node.Input(3)] : [sum, node.Input(2)];
        graph.Emit(node.Name, new LayerNormalization(OnnxOperators.Shape(node, graph, 0).Length - 1, node.Float("epsilon", 1e-12f)), inputs, node.Output(0));
        if (node.Output(3).Length > 0)
            graph.Emit(node.Name + "_sum", new Identity(), [sum], node.Output(3));
    }

    private static Operator Activation(OnnxNode node)
    {
        var parameters = node.Floats("activation_params") ?? [];
        float Parameter(int index, float otherwise) => index < parameters.Length ? parameters[index] : otherwise;
        return node.String("activation", "") switch
        {
            "" => new Identity(),
            "Relu" => new Relu(),
            "Sigmoid" => new Sigmoid(),
            "Tanh" => new Tanh(),
            "LeakyRelu" => new LeakyRelu(Parameter(0, node.Float("leaky_relu_alpha", 0.01f))),
            "Clip" => new Clip(Parameter(0, float.MinValue), Parameter(1, float.MaxValue)),
            "HardSigmoid" => new HardSigmoid(Parameter(0, 0.2f), Parameter(1, 0.5f)),
            var other => throw node.Fault($"its activation '{ModelImportException.OneLine(other)}' is not supported"),
        };
    }
}
