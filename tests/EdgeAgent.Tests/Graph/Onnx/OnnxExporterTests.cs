using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>What PyTorch, tf2onnx and ONNX Runtime's own tools write beyond plain layers; the reference is ONNX Runtime on the same bytes.</summary>
public class OnnxExporterTests
{
    private readonly TestGraph _random = new(5);

    [Theory]
    [InlineData("pads", new[] { 1, 0, 0, 2 })]
    [InlineData("output_padding", new[] { 1, 0 })]
    [InlineData("output_shape", new[] { 11, 16 })]
    [InlineData("output_shape", new[] { 12, 18 })]
    [InlineData("auto_pad", "SAME_UPPER")]
    [InlineData("auto_pad", "SAME_LOWER")]
    [InlineData("auto_pad", "VALID")]
    [InlineData("dilations", new[] { 2, 1 })]
    public void ConvTranspose_OfEveryPadding_Agrees(string attribute, object value) =>
        new OnnxModel(11).Input("x", "N", 4, 5, 6).Floats("w", _random.Random(1, 4, 3, 3, 4).Floats, 4, 3, 3, 4).Floats("b", [0.5f, -1, 2], 3)
            .Node("ConvTranspose", "x, w, b", "y", ("strides", new[] { 2, 3 }), (attribute, value)).Output("y").AssertAgrees();

    [Fact]
    public void ConvTranspose_OfGroupsAndOneAxis_Agrees()
    {
        new OnnxModel(11).Input("x", "N", 4, 5, 6).Floats("w", _random.Random(1, 4, 3, 2, 2).Floats, 4, 3, 2, 2).Node("ConvTranspose", "x, w", "y", ("group", 2)).Output("y").AssertAgrees();
        new OnnxModel(11).Input("x", "N", 4, 7).Floats("w", _random.Random(1, 4, 3, 4).Floats, 4, 3, 4).Node("ConvTranspose", "x, w", "y", ("strides", new[] { 2 }), ("pads", new[] { 1, 1 })).Output("y").AssertAgrees();
    }

    /// <summary>The states that PyTorch gives to an LSTM: zeros of a shape that it computes from the input's batch.</summary>
    [Theory]
    [InlineData("ConstantOfShape")]
    [InlineData("Expand")]
    [InlineData("Slice")]
    public void RecurrentLayer_WithZerosOfTheBatchAsStates_KeepsItsBatchFree(string op)
    {
        var model = new OnnxModel(13).Input("x", "N", 5, 3).Longs("zero", 0).Longs("one", 1).Longs("two", 2).Longs("hidden", 4).Longs("axis", 0).Floats("nothing", [0], 1, 1, 1)
            .Floats("w", _random.Random(1, 1, 16, 3).Floats, 1, 16, 3).Floats("r", _random.Random(1, 1, 16, 4).Floats, 1, 16, 4).Floats("b", _random.Random(1, 1, 32).Floats, 1, 32)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, one, axis", "batch").Node("Concat", "one, batch, hidden", "states", ("axis", 0));
        model = op switch
        {
            "Expand" => model.Node("Expand", "nothing, states", "h0"),
            // A layer of several takes its part of them all.
            "Slice" => model.Node("Concat", "two, batch, hidden", "all_states", ("axis", 0)).Node("ConstantOfShape", "all_states", "h").Node("Slice", "h, one, two, axis", "h0"),
            _ => model.Node("ConstantOfShape", "states", "h0"),
        };
        var graph = model.Node("Transpose", "x", "steps", ("perm", new[] { 1, 0, 2 }))
            .Node("LSTM", "steps, w, r, b, , h0, h0", "all, last", ("hidden_size", 4)).Node("Squeeze", "last, axis", "y").Output("y").AssertAgrees(batch: 3);
        Assert.Equal([-1, 4], graph.Outputs[0].Shape);
        Assert.Equal(["Transpose", "LSTM", "Reshape"], graph.Nodes.Select(n => n.Op.Type));
    }

    /// <summary>keras2onnx writes the parameters of a hard sigmoid out, which are its defaults.</summary>
    [Fact]
    public void RecurrentLayer_WithTheUsualHardSigmoidWrittenOut_Agrees() => Hard(0.2f, 0.5f).AssertAgrees();

    [Fact]
    public void RecurrentLayer_WithAnotherHardSigmoid_IsRefused() =>
        Assert.Contains("(GRU): parameters of activations are not supported", Assert.Throws<EdgeAgent.Graph.Import.ModelImportException>(Hard(0.16666667f, 0.5f).Load).Message);

    private OnnxModel Hard(float alpha, float beta) =>
        new OnnxModel(13).Input("x", "N", 5, 3).Floats("w", _random.Random(1, 1, 12, 3).Floats, 1, 12, 3).Floats("r", _random.Random(1, 1, 12, 4).Floats, 1, 12, 4)
            .Node("Transpose", "x", "steps", ("perm", new[] { 1, 0, 2 }))
            .Node("GRU", "steps, w, r", "y", ("hidden_size", 4), ("activations", new[] { "HardSigmoid", "Tanh" }), ("activation_alpha", new[] { alpha }), ("activation_beta", new[] { beta })).Output("y");

    /// <summary>The class token of a vision transformer: one vector for every sample, in front of the patches.</summary>
    [Fact]
    public void Expand_OfAConstantToTheBatch_RepeatsItForEverySample() =>
        new OnnxModel(13).Input("x", "N", 5, 3).Floats("token", [1, -2, 3], 1, 1, 3).Longs("zero", 0).Longs("one", 1).Longs("minus", -1)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "batch").Node("Concat", "batch, minus, minus", "wanted", ("axis", 0))
            // As PyTorch expands: sizes of -1 become 1.
            .Longs("three", 3).Node("ConstantOfShape", "three", "ones", ("value", Long(1))).Node("Mul", "ones, minus", "marks").Node("Equal", "wanted, marks", "open").Node("Where", "open, ones, wanted", "sizes")
            .Node("Expand", "token, sizes", "tokens").Node("Concat", "tokens, x", "y", ("axis", 1)).Output("y").AssertAgrees(batch: 3);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void If_OnAShape_BecomesTheBranchThatIsTaken(int size)
    {
        // x.squeeze(1) as PyTorch writes it: the axis goes if its size is 1.
        var model = new OnnxModel(13).Input("x", "N", size, 4).Longs("at", 1).Longs("size", 1)
            .Node("Shape", "x", "shape").Node("Gather", "shape, at", "found").Node("Equal", "found, size", "single")
            .Node("If", "single", "y", ("then_branch", Body(b => b.Node("Squeeze", "x, at", "squeezed"), "squeezed")), ("else_branch", Body(b => b.Node("Identity", "x", "kept"), "kept")))
            .Output("y");
        // ONNX Runtime infers the shapes of the other branch too, and finds a size that does not fit.
        var graph = size == 1 ? model.AssertAgrees() : model.Load();
        Assert.Equal(size == 1 ? [-1, 4] : [-1, size, 4], graph.Outputs[0].Shape);
    }

    [Fact]
    public void If_OnData_IsRefusedByName()
    {
        var model = new OnnxModel(13).Input("x", "N", 4).Floats("zero", [0]).Node("Greater", "x, zero", "positive")
            .Node("If", "positive", "y", ("then_branch", Body(b => b.Node("Relu", "x", "r"), "r")), ("else_branch", Body(b => b.Node("Identity", "x", "k"), "k"))).Output("y");
        Assert.Contains("node 'If_1' (If): its condition", DamagedFile.LoadOrRefuse("if.onnx", model.ToBytes()));
    }

    [Theory]
    [InlineData("reflect")]
    [InlineData("edge")]
    [InlineData("constant")]
    public void Pad_OfEveryMode_Agrees(string mode) =>
        new OnnxModel(13).Input("x", "N", 2, 4, 5).Longs("p", 0, 0, 2, 1, 0, 1, 1, 0).Node("Pad", "x, p", "y", ("mode", mode)).Output("y").AssertAgrees();

    [Fact]
    public void Pad_OfNegativeSizes_CutsOff() =>
        new OnnxModel(13).Input("x", "N", 2, 4, 5).Longs("p", 0, 0, -1, 1, 0, 0, -2, 0).Node("Pad", "x, p", "y").Output("y").AssertAgrees();

    [Fact]
    public void Normalizations_OfEveryKind_Agree()
    {
        new OnnxModel(13).Input("x", "N", 7, 4, 5).Node("LRN", "x", "y", ("size", 5), ("alpha", 0.3f), ("beta", 0.6f), ("bias", 1.5f)).Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 7, 4, 5).Node("LRN", "x", "y", ("size", 3)).Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 7, 5).Node("LpNormalization", "x", "y", ("axis", 1), ("p", 1)).Node("LpNormalization", "y", "z").Output("z").AssertAgrees();
        new OnnxModel(21).Input("x", "N", 6, 4, 5).Floats("s", _random.Random(1, 6).Floats, 6).Floats("b", _random.Random(1, 6).Floats, 6)
            .Node("GroupNormalization", "x, s, b", "y", ("num_groups", 3)).Output("y").AssertAgrees();
    }

    [Fact]
    public void ActivationsAndTriangles_Agree() =>
        new OnnxModel(14).Input("x", "N", 5, 6).Longs("k", -1).Node("Shrink", "x", "s", ("bias", 0.25f), ("lambd", 0.75f)).Node("Trilu", "s, k", "y", ("upper", 0)).Output("y").AssertAgrees();

    /// <summary>ONNX Runtime's optimizer joins operators; a model saved behind it has these.</summary>
    [Fact]
    public void FusedOperators_OfOnnxRuntime_Agree()
    {
        new OnnxModel(13).Input("x", "N", 3, 6, 6).Floats("w", _random.Random(1, 4, 3, 3, 3).Floats, 4, 3, 3, 3).Floats("b", [1, -1, 0, 2], 4)
            .Node("com.microsoft.FusedConv", "x, w, b", "y", ("activation", "Clip"), ("activation_params", new[] { -0.5f, 1.5f })).Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 5, 8).Input("z", "N", 6, 8)
            .Node("com.microsoft.FusedMatMul", "x, z", "y", ("transB", 1), ("alpha", 0.5f)).Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 5, 8).Floats("b", _random.Random(1, 8).Floats, 8).Node("com.microsoft.BiasGelu", "x, b", "g").Node("com.microsoft.QuickGelu", "g", "y").Output("y").AssertAgrees();
        new OnnxModel(13).Input("x", "N", 5, 8).Input("z", "N", 5, 8).Floats("g", _random.Random(1, 8).Floats, 8).Floats("b", _random.Random(1, 8).Floats, 8)
            .Node("com.microsoft.SkipLayerNormalization", "x, z, g, b", "y", ("epsilon", 1e-3f)).Output("y").AssertAgrees();
    }

    /// <summary>ONNX Runtime's dynamic quantization rounds the input, which is not done here: a hundredth of the largest sum apart.</summary>
    [Fact]
    public void DynamicQuantization_IsReadAsRealNumbers()
    {
        var graph = new OnnxModel(13).Input("x", "N", 12).Floats("scale", [0.02f]).Floats("bias", _random.Random(1, 5).Floats, 5)
            .Initializer("w", DataType.Int8, [12, 5], w => w.Int32Data.AddRange(_random.Random(100, 60).Floats.Select(v => (int)v))).Initializer("zero", DataType.Int8, [], z => z.Int32Data.Add(3))
            .Node("DynamicQuantizeLinear", "x", "q, s, z").Node("MatMulInteger", "q, w, z, zero", "sums").Node("Cast", "sums", "real", ("to", (int)DataType.Float))
            .Node("Mul", "s, scale", "scales").Node("Mul", "real, scales", "product").Node("Add", "product, bias", "y").Output("y").AssertAgrees(batch: 4, tolerance: 0.1f);
        Assert.DoesNotContain(graph.Nodes, n => n.Op is QuantizeLinear or DequantizeLinear);
    }

    /// <summary>Before opset 7 an axis says where the second operand belongs.</summary>
    [Fact]
    public void Broadcast_OfOpset6_StartsAtItsAxis()
    {
        var graph = new OnnxModel(6).Input("x", "N", 3, 4, 5).Floats("b", [1, 2, 3], 3).Floats("slopes", [0.1f, 0.2f, 0.3f], 3)
            .Node("Add", "x, b", "s", ("broadcast", 1), ("axis", 1)).Node("PRelu", "s, slopes", "y").Output("y").Load();
        var inputs = TestGraph.Inputs(graph, 2);
        var expected = inputs["x"].Floats.Select((v, i) => v + i / 20 % 3 + 1 is var sum && sum < 0 ? sum * (i / 20 % 3 + 1) / 10 : v + i / 20 % 3 + 1);
        Assert.All(expected.Zip(new EdgeAgent.Graph.Evaluation.GraphInterpreter(graph).Run(inputs)["y"].Floats), p => Assert.InRange(p.Second, p.First - 1e-5f, p.First + 1e-5f));
    }

    /// <summary>Text models leave the length of their texts open: two inputs of the same axis, and a third of its own.</summary>
    [Fact]
    public void OpenAxes_OfStatedSizes_AreThoseSizes()
    {
        var model = new OnnxModel(13).Input("x", "N", "length", 3).Input("y", "N", "length", 3).Input("z", "N", "other").Node("Add", "x, y", "s").Node("Relu", "z", "r").Output("s", "r");
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("open.onnx"), model.ToBytes());
        Assert.Equal([-1, 7, 3], EdgeAgent.Graph.Import.ModelImporter.Load(folder.File("open.onnx"), 7, 5).Outputs[0].Shape);
        Assert.Equal([-1, 5], EdgeAgent.Graph.Import.ModelImporter.Load(folder.File("open.onnx"), 7, 5).Outputs[1].Shape);
        Assert.Equal([-1, 4], EdgeAgent.Graph.Import.ModelImporter.Load(folder.File("open.onnx"), 4).Outputs[1].Shape);
        Assert.Contains("input 'x' has an unknown size along axis 1", DamagedFile.LoadOrRefuse(folder.File("open.onnx")));
        File.WriteAllBytes(folder.File("fixed.onnx"), new OnnxModel(13).Input("x", "N", 4).Node("Relu", "x", "y").Output("y").ToBytes());
        Assert.Contains("state none", Assert.Throws<EdgeAgent.Graph.Import.ModelImportException>(() => EdgeAgent.Graph.Import.ModelImporter.Load(folder.File("fixed.onnx"), 4)).Message);
    }

    /// <summary>What these operators are made of is arithmetic on shapes, pads and branches from the file.</summary>
    [Fact]
    public void MutatedOperators_FiveThousandTimes_AlwaysGiveAGraphOrARefusal()
    {
        var whole = new OnnxModel(13).Input("x", "N", 1, 6, 5).Floats("w", _random.Random(1, 1, 2, 2, 2).Floats, 1, 2, 2, 2).Longs("p", 0, 0, 1, 2, 0, 0, 2, 1).Longs("at", 1).Longs("one", 1).Longs("zero", 0).Longs("two", 2)
            .Node("Pad", "x, p", "padded", ("mode", "reflect")).Node("LRN", "padded", "normal", ("size", 3))
            .Node("ConvTranspose", "normal, w", "larger", ("strides", new[] { 2, 1 }), ("pads", new[] { 1, 0, 0, 1 }), ("output_padding", new[] { 1, 0 }))
            .Node("Shape", "x", "shape").Node("Gather", "shape, at", "found").Node("Equal", "found, one", "single")
            .Node("If", "single", "picked", ("then_branch", Body(b => b.Node("Squeeze", "x, at", "squeezed"), "squeezed")), ("else_branch", Body(b => b.Node("Identity", "x", "kept"), "kept")))
            .Node("Slice", "shape, zero, one", "batch").Node("Concat", "batch, two, two", "sizes", ("axis", 0)).Node("ConstantOfShape", "sizes", "filled").Node("Trilu", "filled", "y")
            .Output("larger", "picked", "y").ToBytes();
        Assert.Null(DamagedFile.LoadOrRefuse("sound.onnx", whole));
        foreach (var bytes in Mutations.Of(whole, 5_000))
            DamagedFile.LoadOrRefuse("bad.onnx", bytes);
    }

    private static GraphProto Body(Action<OnnxModel> nodes, string output)
    {
        var body = new OnnxModel(13);
        nodes(body);
        return body.Output(output).Graph;
    }

    private static TensorProto Long(long value)
    {
        var tensor = new TensorProto { DataType = (int)DataType.Int64 };
        tensor.Dims.Add(1);
        tensor.Int64Data.Add(value);
        return tensor;
    }
}
