using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Products and remainders of integers. ONNX Runtime's dynamic quantization puts DynamicQuantizeLinear in front of them, whose scale is that of
/// each input: here the product is of real numbers, with the weights' integers as they are and 1 as the scale of what was to be
/// quantized, as TensorFlow Lite's dynamic-range models are read.
/// </summary>
internal static class OnnxIntegers
{
    public static void DynamicQuantize(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (!graph.OnlyReadBy(node.Output(0), "MatMulInteger", "ConvInteger"))
            throw node.Fault("its integers are read by other operators than MatMulInteger and ConvInteger, which is not supported");
        graph.Emit(node.Name, new Identity(), [node.Input(0)], node.Output(0));
        if (node.Output(1).Length > 0)
            graph.Define(node.Output(1), Tensor.Of([1f], []));
        if (node.Output(2).Length > 0)
            graph.Define(node.Output(2), Tensor.Of([(byte)0], []));
    }

    public static void MatMul(OnnxNode node, OnnxGraphBuilder graph) =>
        Product(node, graph, new MatMul(), Real(node, graph, 0, 2, rowsFirst: true), Real(node, graph, 1, 3, rowsFirst: false));

    public static void Convolution(OnnxNode node, OnnxGraphBuilder graph)
    {
        var weights = OnnxOperators.Shape(node, graph, 1);
        if (weights.Length is not (3 or 4))
            throw node.Fault($"has weights of rank {weights.Length}; 1-D and 2-D convolutions are supported");
        var window = OnnxShapes.Window(node, OnnxOperators.Shape(node, graph, 0), node.SmallInts("kernel_shape") ?? weights[2..]);
        Product(node, graph, new Conv(window, node.SmallInt("group", 1)), Real(node, graph, 0, 2, rowsFirst: true), Real(node, graph, 1, 3, rowsFirst: true));
    }

    /// <summary>Of the sign of the divisor or, as C's fmod, of the dividend. Remainders of real numbers would need more bits than the quotient has.</summary>
    public static void Remainder(OnnxNode node, OnnxGraphBuilder graph)
    {
        var (a, b) = (node.Input(0), node.Input(1));
        var type = graph.ValueOf(node, a).Type;
        if (type is ElementType.Float32 or ElementType.Bool)
            throw node.Fault("computes remainders of real numbers, which is supported on constants only");
        var rest = graph.EmitTemporary(node, new Sub(), a, graph.EmitTemporary(node, new Mul(), graph.EmitTemporary(node, new Div(), a, b), b));
        if (node.Flag("fmod"))
        {
            graph.Emit(node.Name, new Identity(), [rest], node.Output(0));
            return;
        }
        var zero = graph.AddConstant(node.Output(0) + "_zero", Casting.Run(Tensor.Of([0L], []), type));
        var opposite = graph.EmitTemporary(node, new Xor(), graph.EmitTemporary(node, new Less(), rest, zero), graph.EmitTemporary(node, new Less(), b, zero));
        var remains = graph.EmitTemporary(node, new Not(), graph.EmitTemporary(node, new Equal(), rest, zero));
        graph.Emit(node.Name, new Where(), [graph.EmitTemporary(node, new And(), opposite, remains), graph.EmitTemporary(node, new Add(), rest, b), rest], node.Output(0));
    }

    /// <summary>A sum of integers is one again; what was dynamically quantized stays real, and the Cast behind it does nothing.</summary>
    private static void Product(OnnxNode node, OnnxGraphBuilder graph, Operator op, string a, string b)
    {
        if (graph.Value(node.Input(0))!.Type == ElementType.Float32)
            graph.Emit(node.Name, op, [a, b], node.Output(0));
        else
            graph.Emit(node.Name, new Cast(ElementType.Int32), [graph.EmitTemporary(node, op, a, b)], node.Output(0));
    }

    /// <summary>The integers minus their zero points, of which there is one, or one for each row or column.</summary>
    private static string Real(OnnxNode node, OnnxGraphBuilder graph, int input, int zero, bool rowsFirst)
    {
        var spec = graph.Value(node.Input(input)) ?? throw node.Fault($"input {input} is missing");
        if (spec.Type == ElementType.Float32)
            return node.Input(input);
        if (spec.Type is not (ElementType.Int8 or ElementType.UInt8))
            throw node.Fault($"multiplies {spec.Type}; uint8 and int8 are supported");
        var zeros = node.Input(zero).Length == 0 ? [0] : graph.Constant(node.Input(zero)) is { } given ? Quantizing.Integers(given) : throw node.Fault($"its zero point {zero} is computed, which is not supported");
        // Along the rows of a left operand and the output channels of a filter, or the columns of a right operand.
        int[] along = zeros.Length == 1 ? [1] : rowsFirst && spec.Shape.Length > 2 ? [zeros.Length, .. Enumerable.Repeat(1, spec.Shape.Length - 1)] : rowsFirst ? [zeros.Length, 1] : [zeros.Length];
        var offsets = Tensor.Of(Array.ConvertAll(zeros, z => (float)z), along);
        if (graph.Constant(node.Input(input)) is { } stored)
        {
            var values = Quantizing.Integers(stored);
            var picked = Broadcasting.Indices(along, stored.Shape);
            return graph.AddConstant(node.Output(0) + "_weights", Tensor.Of([.. values.Select((v, i) => v - offsets.Floats[picked[i]])], stored.Shape));
        }
        return graph.EmitTemporary(node, new Sub(), graph.EmitTemporary(node, new Cast(ElementType.Float32), node.Input(input)), graph.AddConstant(node.Output(0) + "_zeros", offsets));
    }
}
