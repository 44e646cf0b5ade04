using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// QuantizeLinear and DequantizeLinear, and operators on integers with their scales and zero points as inputs: DequantizeLinear
/// of the operands, the operator on real numbers, QuantizeLinear of the result.
/// </summary>
internal static class OnnxQuantized
{
    // x, scale, zero; w, scale, zero; scale and zero of the result; bias in int32 of scale x * w.
    public static void Convolution(OnnxNode node, OnnxGraphBuilder graph)
    {
        var weights = OnnxOperators.Shape(node, graph, 3);
        if (weights.Length is not (3 or 4))
            throw node.Fault($"has weights of rank {weights.Length}; 1-D and 2-D convolutions are supported");
        var window = OnnxShapes.Window(node, OnnxOperators.Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? weights[2..]);
        var inputs = new List<string> { Real(node, graph, 0), Real(node, graph, 3, axis: 0) };
        if (node.Input(8).Length > 0)
            inputs.Add(Bias(node, graph, node.Input(8), 1, 4));
        Define(node, graph, graph.EmitTemporary(node, new Conv(window, node.SmallInt("group", 1)), [.. inputs]), 6);
    }

    public static void MatMul(OnnxNode node, OnnxGraphBuilder graph)
    {
        var rank = OnnxOperators.Shape(node, graph, 3).Length;
        Define(node, graph, graph.EmitTemporary(node, new MatMul(), Real(node, graph, 0), Real(node, graph, 3, axis: rank - 1)), 6);
    }

    // a, scale, zero; b, scale, zero; bias in int32 of scale alpha * a * b; scale and zero of the result, without which it is float.
    public static void Gemm(OnnxNode node, OnnxGraphBuilder graph)
    {
        var transposed = node.Flag("transB");
        var gemm = new Gemm(node.Float("alpha", 1), 1, node.Flag("transA"), transposed);
        var inputs = new List<string> { Real(node, graph, 0), Real(node, graph, 3, axis: transposed ? 0 : 1) };
        if (node.Input(6).Length > 0)
            inputs.Add(Bias(node, graph, node.Input(6), 1, 4, gemm.Alpha));
        if (node.Input(7).Length > 0)
            Define(node, graph, graph.EmitTemporary(node, gemm, [.. inputs]), 7);
        else
            graph.Emit(node.Name, gemm, inputs, node.Output(0));
    }

    public static void Binary(OnnxNode node, OnnxGraphBuilder graph, Operator op) =>
        Define(node, graph, graph.EmitTemporary(node, op, Real(node, graph, 0), Real(node, graph, 3)), 6);

    public static void Unary(OnnxNode node, OnnxGraphBuilder graph, Operator op) =>
        Define(node, graph, graph.EmitTemporary(node, op, Real(node, graph, 0)), 3);

    public static void AveragePool(OnnxNode node, OnnxGraphBuilder graph, Operator pool)
    {
        if (node.Flag("channels_last"))
            throw node.Fault("channels_last is not supported");
        Unary(node, graph, pool);
    }

    public static void Softmax(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", -1), shape.Length);
        if (node.Int("opset", 13) < 13 && axis != shape.Length - 1)
            throw node.Fault("its Softmax over several axes is not supported");
        Unary(node, graph, new Softmax(axis));
    }

    /// <summary>An operator that only picks among integers leaves them in the quantization that they have; where they have none, their numbers are as good.</summary>
    public static void Picked(OnnxNode node, OnnxGraphBuilder graph, Operator op, ElementType type)
    {
        if (graph.QuantizationOf(node.Input(0)) is var (scale, zero, axis))
        {
            var real = graph.EmitTemporary(node, op, graph.EmitTemporary(node, new DequantizeLinear(axis), node.Input(0), scale, zero));
            graph.Emit(node.Name, new QuantizeLinear(axis), [real, scale, zero], node.Output(0));
        }
        else
            graph.Emit(node.Name, new Cast(type), [graph.EmitTemporary(node, op, graph.EmitTemporary(node, new Cast(ElementType.Float32), node.Input(0)))], node.Output(0));
    }

    // scale and zero of the result, then value, scale and zero of every input.
    public static void Concat(OnnxNode node, OnnxGraphBuilder graph)
    {
        string[] inputs = [.. Enumerable.Range(0, (node.Proto.Input.Count - 2) / 3).Select(i => Real(node, graph, 2 + 3 * i))];
        if (inputs.Length == 0)
            throw node.Fault("joins nothing");
        Define(node, graph, graph.EmitTemporary(node, new Concat(node.SmallInt("axis", 0)), inputs), 0);
    }

    public static void QuantizeLinear(OnnxNode node, OnnxGraphBuilder graph)
    {
        RefuseBlocks(node);
        var zero = node.Input(2);
        if (zero.Length == 0)
        {
            var type = OnnxTensors.TypeOf(node.SmallInt("output_dtype", (int)TensorProto.Types.DataType.Uint8));
            zero = ZeroPoint(node, graph, type ?? throw node.Fault("output_dtype is not supported"));
        }
        graph.Emit(node.Name, new QuantizeLinear(node.SmallInt("axis", 1)), [node.Input(0), node.Input(1), zero], node.Output(0));
    }

    public static void DequantizeLinear(OnnxNode node, OnnxGraphBuilder graph)
    {
        RefuseBlocks(node);
        var zero = node.Input(2);
        if (zero.Length == 0)
            zero = ZeroPoint(node, graph, (graph.Value(node.Input(0)) ?? throw node.Fault("input 0 is missing")).Type);
        graph.Emit(node.Name, new DequantizeLinear(node.SmallInt("axis", 1)), [node.Input(0), node.Input(1), zero], node.Output(0));
    }

    private static string Real(OnnxNode node, OnnxGraphBuilder graph, int input, int axis = 1)
    {
        var value = graph.Value(node.Input(input)) ?? throw node.Fault($"input {input} is missing");
        var zero = node.Input(input + 2).Length > 0 ? node.Input(input + 2) : ZeroPoint(node, graph, value.Type, input + 1);
        return graph.EmitTemporary(node, new DequantizeLinear(axis), node.Input(input), node.Input(input + 1), zero);
    }

    private static void Define(OnnxNode node, OnnxGraphBuilder graph, string value, int scale)
    {
        var zero = node.Input(scale + 1).Length > 0 ? node.Input(scale + 1) : ZeroPoint(node, graph, ElementType.UInt8, scale);
        graph.Emit(node.Name, new QuantizeLinear(1), [value, node.Input(scale), zero], node.Output(0));
    }

    /// <summary>An int32 bias as real numbers; its scale is the product of those of input and weights.</summary>
    private static string Bias(OnnxNode node, OnnxGraphBuilder graph, string bias, int inputScale, int weightScale, float factor = 1)
    {
        if (graph.Constant(node.Input(inputScale)) is not { Data: float[] and [var x] } || graph.Constant(node.Input(weightScale)) is not { Data: float[] w })
            throw node.Fault("has a bias but no constant scales to read it with");
        var scales = Tensor.Of(Array.ConvertAll(w, s => factor * x * s), w.Length);
        return graph.EmitTemporary(
            node, new DequantizeLinear(0), bias, graph.AddConstant(node.Output(0) + "_bias_scale", scales),
            graph.AddConstant(node.Output(0) + "_bias_zero", Tensor.Of(new int[w.Length], w.Length)));
    }

    private static string ZeroPoint(OnnxNode node, OnnxGraphBuilder graph, ElementType type, int scale = 1)
    {
        var shape = OnnxOperators.Shape(node, graph, scale);
        if (ShapeInference.ElementsPerSample(shape) > 1 << 20)
            throw node.Fault("has an absurd number of scales");
        var count = (int)ShapeInference.ElementsPerSample(shape);
        var zeros = type switch
        {
            ElementType.UInt8 => Tensor.Of(new byte[count], shape),
            ElementType.Int8 => Tensor.Of(new sbyte[count], shape),
            ElementType.Int32 => Tensor.Of(new int[count], shape),
            _ => throw node.Fault($"quantized type {type} is not supported"),
        };
        return graph.AddConstant(node.Output(0) + "_zero", zeros);
    }

    private static void RefuseBlocks(OnnxNode node)
    {
        if (node.Int("block_size", 0) != 0)
            throw node.Fault("block quantization is not supported, only per tensor and per axis");
    }
}
