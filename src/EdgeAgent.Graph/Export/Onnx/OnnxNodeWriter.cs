using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;

namespace EdgeAgent.Graph.Export.Onnx;

/// <summary>One IR node as an ONNX node of opset 13 (14 for HardSwish, 17 for LayerNormalization); attributes at their defaults are left out.</summary>
internal static class OnnxNodeWriter
{
    public static NodeProto Write(Node node, GraphSpec graph, OnnxConstants constants)
    {
        string NameOf(string value) => constants.Name(graph, value);
        // The name is what engines show in errors and profiles; the output's is short and unique.
        var proto = new NodeProto { OpType = node.Op.Type, Name = NameOf(node.Output) };
        var inputs = IsConstantsDequantization(node, graph) ? node.Inputs.Take(2) : node.Inputs;
        foreach (var input in inputs)
            proto.Input.Add(input.Length == 0 ? "" : ScalarOf(node, input, graph) is { } scalar ? constants.Of(scalar) : NameOf(input));
        foreach (var output in node.Outputs)
            proto.Output.Add(NameOf(output));
        switch (node.Op)
        {
            case Conv conv:
                Write(proto, conv.Window, kernel: false);
                Int(proto, "group", conv.Groups, 1);
                break;
            case ConvTranspose conv:
                Write(proto, conv.Window, kernel: false);
                Int(proto, "group", conv.Groups, 1);
                if (conv.OutputPads.Any(p => p != 0))
                    Ints(proto, "output_padding", conv.OutputPads);
                break;
            case Gemm gemm:
                Float(proto, "alpha", gemm.Alpha, 1);
                Float(proto, "beta", gemm.Beta, 1);
                Int(proto, "transA", gemm.TransposeA ? 1 : 0, 0);
                Int(proto, "transB", gemm.TransposeB ? 1 : 0, 0);
                break;
            case BatchNormalization normalization:
                Float(proto, "epsilon", normalization.Epsilon, 1e-5f);
                break;
            case Clip clip:
                proto.Input.Add(clip.Min == float.MinValue ? "" : constants.Of(Tensor.Of([clip.Min])));
                proto.Input.Add(clip.Max == float.MaxValue ? "" : constants.Of(Tensor.Of([clip.Max])));
                break;
            case LeakyRelu leaky:
                Float(proto, "alpha", leaky.Alpha, 0.01f);
                break;
            case HardSigmoid hard:
                Float(proto, "alpha", hard.Alpha, 0.2f);
                Float(proto, "beta", hard.Beta, 0.5f);
                break;
            case Concat concat:
                proto.Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeType.Int, I = concat.Axis });
                break;
            case MaxPool pool:
                Write(proto, pool.Window, kernel: true);
                Int(proto, "ceil_mode", pool.CeilMode ? 1 : 0, 0);
                break;
            case AveragePool pool:
                if (pool.Window.Dilations.Any(d => d != 1))
                    throw new InvalidGraphException($"node '{node.Name}' (AveragePool): dilations cannot be written before opset 19");
                Write(proto, pool.Window, kernel: true);
                Int(proto, "ceil_mode", pool.CeilMode ? 1 : 0, 0);
                Int(proto, "count_include_pad", pool.CountIncludePad ? 1 : 0, 0);
                break;
            case Flatten flatten:
                Int(proto, "axis", flatten.Axis, 1);
                break;
            case Reshape reshape:
                proto.Input.Add(constants.Of(Tensor.Of(reshape.Shape, reshape.Shape.Length)));
                break;
            case Transpose transpose:
                Ints(proto, "perm", transpose.Permutation);
                break;
            case Pad pad:
                proto.Input.Add(constants.Of(Tensor.Of(Array.ConvertAll(pad.Pads, p => (long)p), pad.Pads.Length)));
                if (pad.Value != 0)
                    proto.Input.Add(constants.Of(Tensor.Of([pad.Value])));
                break;
            case Softmax softmax:
                Int(proto, "axis", softmax.Axis, -1);
                break;
            case QuantizeLinear quantize:
                Int(proto, "axis", quantize.Axis, 1);
                break;
            case DequantizeLinear dequantize:
                WriteConstantsZero(proto, node, graph, constants);
                Int(proto, "axis", dequantize.Axis, 1);
                break;
            case Elu elu:
                Float(proto, "alpha", elu.Alpha, 1);
                break;
            case Selu selu:
                Float(proto, "alpha", selu.Alpha, 1.67326319f);
                Float(proto, "gamma", selu.Gamma, 1.05070102f);
                break;
            case ThresholdedRelu thresholded:
                Float(proto, "alpha", thresholded.Alpha, 1);
                break;
            case Cast cast:
                Int(proto, "to", (int)OnnxTensors.TypeOf(cast.To), 0);
                break;
            case ReduceSum sum:
                proto.Input.Add(constants.Of(Longs(sum.Axes)));
                Int(proto, "keepdims", sum.KeepDims ? 1 : 0, 1);
                break;
            case ReduceOperator reduce:
                Ints(proto, "axes", reduce.Axes);
                Int(proto, "keepdims", reduce.KeepDims ? 1 : 0, 1);
                break;
            case ArgMax arg:
                Int(proto, "axis", arg.Axis, 0);
                Int(proto, "keepdims", arg.KeepDims ? 1 : 0, 1);
                break;
            case StridedSlice slice:
                foreach (var bounds in new[] { slice.Starts, slice.Ends, slice.Axes, slice.Steps })
                    proto.Input.Add(constants.Of(Longs(bounds)));
                break;
            case Gather gather:
                Int(proto, "axis", gather.Axis, 0);
                break;
            case Expand expand:
                proto.Input.Add(constants.Of(Tensor.Of(expand.Shape, expand.Shape.Length)));
                break;
            case LogSoftmax softmax:
                Int(proto, "axis", softmax.Axis, -1);
                break;
            case LayerNormalization normalization:
                Int(proto, "axis", normalization.Axis, -1);
                Float(proto, "epsilon", normalization.Epsilon, 1e-5f);
                break;
            case Resize resize:
                OnnxComplexWriter.Write(proto, resize, constants);
                break;
            case RecurrentOperator recurrent:
                OnnxComplexWriter.Write(proto, recurrent);
                break;
            case MatMul or GlobalAveragePool or GlobalMaxPool or Identity or Not or Where:
            case UnaryOperator or BinaryOperator or ComparisonOperator or LogicalOperator:
                break;
            default:
                throw new InvalidGraphException($"node '{node.Name}': {node.Op.Type} cannot be written as ONNX");
        }
        return proto;
    }

    private static bool IsConstantsDequantization(Node node, GraphSpec graph) =>
        node.Op is DequantizeLinear && graph.Constants.ContainsKey(node.Inputs[0]) && graph.Constants.ContainsKey(node.Inputs[2]);

    /// <summary>Scale or zero point of an activation that other formats have as an array of one element: ONNX Runtime's addition of integers takes scalars only.</summary>
    private static Tensor? ScalarOf(Node node, string input, GraphSpec graph) =>
        node.Op is QuantizeLinear or DequantizeLinear && input != node.Inputs[0] && !graph.Constants.ContainsKey(node.Inputs[0])
        && graph.Constants.TryGetValue(input, out var tensor) && tensor.Shape is [1] ? tensor.Reshape() : null;

    /// <summary>
    /// The zero point of quantized weights or a bias. ONNX Runtime needs one for weights, in precise mode one for each
    /// layer, because it replaces it (1.31 fails where two layers share it); a bias does without.
    /// </summary>
    private static void WriteConstantsZero(NodeProto proto, Node node, GraphSpec graph, OnnxConstants constants)
    {
        if (!IsConstantsDequantization(node, graph))
            return;
        var zero = graph.Constants[node.Inputs[2]];
        if (zero.Type != ElementType.Int32 || ((int[])zero.Data).Any(z => z != 0))
            proto.Input.Add(constants.Unshared(zero));
    }

    private static void Write(NodeProto proto, Window window, bool kernel)
    {
        if (kernel)
            Ints(proto, "kernel_shape", window.Kernel);
        if (window.Strides.Any(s => s != 1))
            Ints(proto, "strides", window.Strides);
        if (window.Pads.Any(p => p != 0))
            Ints(proto, "pads", window.Pads);
        if (window.Dilations.Any(d => d != 1))
            Ints(proto, "dilations", window.Dilations);
    }

    private static Tensor Longs(int[] values) => Tensor.Of(Array.ConvertAll(values, v => (long)v), values.Length);

    internal static void Int(NodeProto proto, string name, long value, long otherwise)
    {
        if (value != otherwise)
            proto.Attribute.Add(new AttributeProto { Name = name, Type = AttributeType.Int, I = value });
    }

    private static void Float(NodeProto proto, string name, float value, float otherwise)
    {
        if (value != otherwise)
            proto.Attribute.Add(new AttributeProto { Name = name, Type = AttributeType.Float, F = value });
    }

    private static void Ints(NodeProto proto, string name, int[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        foreach (var value in values)
            attribute.Ints.Add(value);
        proto.Attribute.Add(attribute);
    }
}
