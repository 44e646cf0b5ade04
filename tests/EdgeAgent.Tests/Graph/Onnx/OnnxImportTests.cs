using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>What exporters of different opsets write for the same thing; the reference is ONNX Runtime on the same bytes.</summary>
public class OnnxImportTests
{
    [Theory]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(12)]
    [InlineData(13)]
    public void Softmax_OfAnyOpset_KeepsItsMeaning(int opset)
    {
        new OnnxModel(opset).Input("x", "N", 3, 2, 2).Node("Softmax", "x", "y").Output("y").AssertAgrees();
        new OnnxModel(opset).Input("x", "N", 3, 2, 2).Node("Softmax", "x", "y", ("axis", 2)).Output("y").AssertAgrees();
        new OnnxModel(opset).Input("x", "N", 10).Node("Softmax", "x", "y", ("axis", 1)).Output("y").AssertAgrees();
    }

    [Fact]
    public void Clip_WithAttributesOrInputs_IsTheSame()
    {
        var old = new OnnxModel(7).Input("x", "N", 20).Node("Clip", "x", "y", ("min", -0.5f), ("max", 1f)).Output("y").AssertAgrees();
        var recent = new OnnxModel(13).Input("x", "N", 20).Floats("lo", [-0.5f]).Floats("hi", [1f]).Node("Clip", "x, lo, hi", "y").Output("y").AssertAgrees();
        Assert.Equal(old.Nodes[0].Op, recent.Nodes[0].Op);
        new OnnxModel(13).Input("x", "N", 20).Floats("hi", [1f]).Node("Clip", "x, , hi", "y").Output("y").AssertAgrees();
        Assert.Empty(recent.Constants);
    }

    [Theory]
    [InlineData("SAME_UPPER", 2, 3)]
    [InlineData("SAME_LOWER", 2, 3)]
    [InlineData("SAME_UPPER", 3, 2)]
    [InlineData("SAME_LOWER", 1, 4)]
    [InlineData("VALID", 2, 3)]
    public void AutoPad_OfConvolutionAndPool_IsResolved(string autoPad, int stride, int kernel)
    {
        var weights = new TestGraph(1).Random(1, 4, 3, kernel, kernel).Floats;
        new OnnxModel(11).Input("x", "N", 3, 10, 11).Floats("w", weights, 4, 3, kernel, kernel)
            .Node("Conv", "x, w", "c", ("auto_pad", autoPad), ("strides", new[] { stride, stride }), ("kernel_shape", new[] { kernel, kernel }))
            .Node("MaxPool", "c", "y", ("auto_pad", autoPad), ("strides", new[] { stride, 1 }), ("kernel_shape", new[] { 2, 3 }))
            .Output("y").AssertAgrees();
    }

    [Fact]
    public void Padding_WithAttributesInputsOrAxes_IsTheSame()
    {
        var pads = new[] { 0, 0, 1, 2, 0, 0, 3, 0 };
        new OnnxModel(7).Input("x", "N", 2, 4, 4).Node("Pad", "x", "y", ("pads", pads), ("value", 0.5f)).Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 2, 4, 4).Longs("p", [.. pads]).Floats("v", [0.5f]).Node("Pad", "x, p, v", "y").Output("y").AssertAgrees();
        new OnnxModel(18).Input("x", "N", 2, 4, 4).Longs("p", 1, 2, 3, 0).Longs("a", 2, -1).Node("Pad", "x, p, , a", "y").Output("y").AssertAgrees();
    }

    /// <summary>PyTorch computes pads: constants sliced, reversed, transposed and cast.</summary>
    [Fact]
    public void Padding_ComputedFromConstants_IsFolded()
    {
        var graph = new OnnxModel(12).Input("x", "N", 2, 4, 4)
            .Longs("given", 1, 2, 3, 4).Longs("four", 4).Longs("zero", 0).Longs("end", -9223372036854775807).Longs("minus", -1).Longs("shape", -1, 2).Longs("back", -1)
            .Node("ConstantOfShape", "four", "fill", ("value", LongTensor(0)))
            .Node("Concat", "given, fill", "all", ("axis", 0))
            .Node("Reshape", "all, shape", "pairs")
            .Node("Slice", "pairs, minus, end, zero, minus", "reversed")
            .Node("Transpose", "reversed", "transposed", ("perm", new[] { 1, 0 }))
            .Node("Reshape", "transposed, back", "flat")
            .Node("Cast", "flat", "pads", ("to", (int)DataType.Int64))
            .Node("Pad", "x, pads", "y").Output("y").AssertAgrees();
        Assert.Single(graph.Nodes);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(13)]
    public void SqueezeAndUnsqueeze_OfAnyOpset_BecomeReshapes(int opset)
    {
        var model = new OnnxModel(opset).Input("x", "N", 3, 1, 1);
        if (opset < 13)
            model.Node("Squeeze", "x", "s", ("axes", new[] { 2, 3 })).Node("Unsqueeze", "s", "y", ("axes", new[] { 1, -1 }));
        else
            model.Longs("a", 2, 3).Longs("b", 1, -1).Node("Squeeze", "x, a", "s").Node("Unsqueeze", "s, b", "y");
        Assert.All(model.Output("y").AssertAgrees().Nodes, n => Assert.IsType<Reshape>(n.Op));
    }

    [Theory]
    [InlineData(13)]
    [InlineData(18)]
    public void ReduceMean_OfAnyOpset_FindsItsAxes(int opset)
    {
        var model = new OnnxModel(opset).Input("x", "N", 3, 4, 5);
        if (opset < 18)
            model.Node("ReduceMean", "x", "y", ("axes", new[] { -1, 2 }), ("keepdims", 0));
        else
            model.Longs("a", -1, 2).Node("ReduceMean", "x, a", "y", ("keepdims", 0));
        model.Output("y").AssertAgrees();
    }

    /// <summary>x.view(x.size(0), -1) and x.view(x.size(0) * 2, -1), as PyTorch writes them.</summary>
    [Fact]
    public void ShapeSubgraph_OfADynamicBatch_IsFolded()
    {
        var graph = new OnnxModel(13).Input("x", "N", 4, 6)
            .Longs("zero", 0).Longs("axes", 0).Longs("minus", -1).Initializer("index", DataType.Int64, [], t => t.Int64Data.Add(0)).Initializer("two", DataType.Int64, [], t => t.Int64Data.Add(2))
            .Node("Shape", "x", "shape").Node("Gather", "shape, index", "batch", ("axis", 0))
            .Node("Unsqueeze", "batch, axes", "b1").Node("Concat", "b1, minus", "flat", ("axis", 0)).Node("Reshape", "x, flat", "y")
            .Node("Mul", "batch, two", "double").Node("Unsqueeze", "double, axes", "d1").Node("Concat", "d1, minus", "pairs", ("axis", 0)).Node("Reshape", "x, pairs", "z")
            .Output("y", "z").AssertAgrees(batch: 3);
        Assert.Equal(2, graph.Nodes.Count);
        Assert.Equal([-1, 24], graph.Outputs[0].Shape);
        Assert.Equal([-2, 12], graph.Outputs[1].Shape);
    }

    [Fact]
    public void FixedBatch_BecomesDynamic()
    {
        var graph = new OnnxModel(13).Input("x", 1, 3, 4, 4).Longs("s", 1, 48).Node("Relu", "x", "r").Node("Reshape", "r, s", "y").Output("y").Load();
        Assert.Equal([-1, 3, 4, 4], graph.Inputs[0].Shape);
        Assert.Equal([-1, 48], graph.Outputs[0].Shape);
    }

    [Fact]
    public void Nodes_OutOfOrder_AreSorted()
    {
        new OnnxModel(13).Input("x", "N", 4).Node("Sigmoid", "r", "y").Node("Relu", "x", "r").Output("y").Load();
    }

    [Fact]
    public void DropoutAndUnusedNodes_LeaveNothing()
    {
        var graph = new OnnxModel(10).Input("x", "N", 4).Node("Dropout", "x", "d, mask", ("ratio", 0.5f)).Node("Tanh", "x", "unused").Node("Relu", "d", "y").Output("y").Load();
        Assert.Equal(["Identity", "Relu"], graph.Nodes.Select(n => n.Op.Type));
    }

    [Theory]
    [InlineData("Float16")]
    [InlineData("Bfloat16")]
    [InlineData("Double")]
    [InlineData("Float")]
    public void Weights_OfAnyFloatType_BecomeFloat32(string typeName)
    {
        var type = Enum.Parse<DataType>(typeName);
        float[] values = [1.5f, -0.25f, 3];
        foreach (var raw in new[] { false, true })
        {
            var graph = new OnnxModel(13).Input("x", "N", 3).Initializer("w", type, [3], t => Fill(t, type, values, raw)).Node("Mul", "x, w", "y").Output("y").Load();
            Assert.Equal(values, graph.Constants["w"].Floats);
        }
    }

    [Fact]
    public void BatchNormalizationAndGemm_OfOpset7_Agree()
    {
        var test = new TestGraph(3);
        new OnnxModel(7).Input("x", "N", 3, 4, 4)
            .Floats("s", test.Random(1, 3).Floats, 3).Floats("b", test.Random(1, 3).Floats, 3).Floats("m", test.Random(1, 3).Floats, 3).Floats("v", [0.5f, 1, 2], 3)
            .Floats("w", test.Random(1, 5, 48).Floats, 5, 48).Floats("c", test.Random(1, 5).Floats, 5)
            .Node("BatchNormalization", "x, s, b, m, v", "n", ("epsilon", 1e-3f)).Node("Flatten", "n", "f")
            .Node("Gemm", "f, w, c", "y", ("transB", 1), ("alpha", 0.5f), ("beta", 2f)).Output("y").AssertAgrees();
    }

    private static void Fill(TensorProto tensor, DataType type, float[] values, bool raw)
    {
        foreach (var value in values)
            switch (type)
            {
                case DataType.Float when raw:
                    Append(tensor, BitConverter.GetBytes(value));
                    break;
                case DataType.Float:
                    tensor.FloatData.Add(value);
                    break;
                case DataType.Double when raw:
                    Append(tensor, BitConverter.GetBytes((double)value));
                    break;
                case DataType.Double:
                    tensor.DoubleData.Add(value);
                    break;
                default:
                    var bits = type == DataType.Float16 ? BitConverter.HalfToUInt16Bits((Half)value) : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
                    if (raw)
                        Append(tensor, BitConverter.GetBytes(bits));
                    else
                        tensor.Int32Data.Add(bits);
                    break;
            }
    }

    private static void Append(TensorProto tensor, byte[] bytes) => tensor.RawData = ByteString.CopyFrom([.. tensor.RawData.Span, .. bytes]);

    private static TensorProto LongTensor(long value)
    {
        var tensor = new TensorProto { DataType = (int)DataType.Int64 };
        tensor.Dims.Add(1);
        tensor.Int64Data.Add(value);
        return tensor;
    }
}
