using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Functions that a file defines, against ONNX Runtime, which inlines them too.</summary>
public class FunctionTests
{
    private readonly TestGraph _random = new(11);

    /// <summary>As PyTorch's exporter writes a perceptron: a module of two modules, each of which is a product and an activation.</summary>
    [Fact]
    public void Modules_InsideAModule_ComputeWhatOnnxRuntimeComputes()
    {
        var graph = Perceptron(new OnnxModel(17)).AssertAgrees();
        Assert.Equal(["MatMul", "Add", "LeakyRelu", "MatMul", "Add", "LeakyRelu"], graph.Nodes.Select(n => n.Op).Where(op => op is not Identity).Select(op => op.Type));
        Assert.Equal([0.3f, 0.125f], graph.Nodes.Select(n => n.Op).OfType<LeakyRelu>().Select(op => op.Alpha));
        Assert.Contains(graph.Nodes, n => n.Name.StartsWith("pkg.model.Perceptron_0/pkg.nn.Layer_1/", StringComparison.Ordinal));
    }

    /// <summary>An attribute that neither the call nor the function gives is the operator's default; one that the call gives goes before the function's.</summary>
    [Fact]
    public void Attributes_OfCallFunctionAndOperator_AreTakenInThatOrder()
    {
        var body = new OnnxModel(17).Input("x").Node("LeakyRelu", "x", "leaky", ("alpha", new OfFunction("slope", AttributeType.Float))).Node("Elu", "leaky", "y", ("alpha", new OfFunction("below", AttributeType.Float))).Output("y");
        var graph = new OnnxModel(17).Function("pkg.F", body, ("slope", 0.25f), ("below", null)).Input("x", "N", 6)
            .Node("pkg.F", "x", "a").Node("pkg.F", "a", "b", ("slope", 0.5f), ("below", 2f)).Output("b").AssertAgrees();
        Assert.Equal([0.25f, 0.5f], graph.Nodes.Select(n => n.Op).OfType<LeakyRelu>().Select(op => op.Alpha));
        Assert.Equal([1f, 2f], graph.Nodes.Select(n => n.Op).OfType<Elu>().Select(op => op.Alpha));
    }

    [Fact]
    public void InputsAndOutputs_ThatACallLeavesOut_AreAbsent()
    {
        var body = new OnnxModel(17).Input("x").Input("low").Input("high").Node("Clip", "x, low, high", "clipped").Node("Neg", "clipped", "negative").Output("clipped", "negative");
        var graph = new OnnxModel(17).Function("pkg.F", body).Input("x", "N", 6).Initializer("half", DataType.Float, [], t => t.FloatData.Add(0.5f))
            .Node("pkg.F", "x, , half", "a").Node("pkg.F", "x, half", ", b").Node("Add", "a, b", "y").Output("y").Load();
        var x = Tensor.Of([-1f, 0, 0.25f, 0.5f, 1, 2], 1, 6);
        Assert.Equal([-1.5f, -0.5f, -0.25f, 0, -0.5f, -1.5f], new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { ["x"] = x })["y"].Floats);
    }

    /// <summary>Shapes are computed in functions too: PyTorch's view is one.</summary>
    [Fact]
    public void Shapes_ThroughFunctions_KeepTheBatchFree()
    {
        var batch = new OnnxModel(17).Input("x").Node("Constant", "", "zero", ("value_ints", new[] { 0 })).Node("Constant", "", "one", ("value_ints", new[] { 1 })).Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "n").Output("n");
        var graph = new OnnxModel(17).Function("pkg.Batch", batch).Input("x", "N", 4, 6).Longs("minus", -1)
            .Node("pkg.Batch", "x", "n").Node("Concat", "n, minus", "target", ("axis", 0)).Node("Reshape", "x, target", "y").Output("y").AssertAgrees(batch: 3);
        Assert.Equal([-1, 24], graph.Outputs[0].Shape);
        Assert.Single(graph.Nodes);
    }

    /// <summary>Softmax of opset 11 goes over everything from its axis on; that of 13 over the axis.</summary>
    [Fact]
    public void Opset_OfTheFunction_GovernsItsNodes()
    {
        var graph = new OnnxModel(17).Function("pkg.F", new OnnxModel(11).Input("x").Node("Softmax", "x", "y", ("axis", 1)).Output("y")).Input("x", "N", 3, 4).Node("pkg.F", "x", "y").Output("y").Load();
        var inputs = TestGraph.Inputs(graph, 2);
        var expected = OnnxRuntimeReference.Run(new OnnxModel(11).Input("x", "N", 3, 4).Node("Softmax", "x", "y", ("axis", 1)).Output("y").ToBytes(), inputs)["y"].Floats;
        Assert.All(expected.Zip(new GraphInterpreter(graph).Run(inputs)["y"].Floats), p => Assert.InRange(p.Second, p.First - 1e-5f, p.First + 1e-5f));
    }

    /// <summary>What the bodies of its nodes define has other names in every call.</summary>
    [Fact]
    public void Branches_InsideAFunctionCalledTwice_AreNamedApart()
    {
        static GraphProto Branch(string op) => new OnnxModel(17).Initializer("two", DataType.Float, [], t => t.FloatData.Add(2)).Node(op, "x", "t").Node("Mul", "t, two", "chosen").Output("chosen").Graph;
        var body = new OnnxModel(17).Input("x").Input("size").Node("Shape", "x", "shape").Node("Constant", "", "at", ("value_ints", new[] { 1 })).Node("Gather", "shape, at", "found").Node("Equal", "found, size", "same")
            .Node("If", "same", "y", ("then_branch", Branch("Tanh")), ("else_branch", Branch("Neg"))).Output("y");
        var graph = new OnnxModel(17).Function("pkg.F", body).Input("x", "N", 4).Longs("four", 4).Longs("five", 5).Node("pkg.F", "x, four", "a").Node("pkg.F", "a, five", "b").Node("pkg.F", "b, four", "y").Output("y").AssertAgrees();
        Assert.Equal((2, 1), (graph.Nodes.Count(n => n.Op is Tanh), graph.Nodes.Count(n => n.Op is Neg)));
    }

    [Fact]
    public void Calls_InsideALoopInsideAFunction_AreConvertedInEveryStep()
    {
        var cell = new OnnxModel(17).Input("h").Node("Tanh", "h", "t").Node("Neg", "t", "next").Output("next");
        var loop = new OnnxModel(17).Input("step").Input("on").Input("h", "N", 4).Node("Identity", "on", "on_out").Node("pkg.Cell", "h", "next").Output("on_out", "next");
        loop.Graph.Input[0].Type.TensorType.ElemType = (int)DataType.Int64;
        loop.Graph.Input[1].Type.TensorType.ElemType = loop.Graph.Output[0].Type.TensorType.ElemType = (int)DataType.Bool;
        var body = new OnnxModel(17).Input("x").Input("count").Node("Loop", "count, , x", "y", ("body", loop.Graph)).Node("pkg.Cell", "y", "z").Output("z");
        var graph = new OnnxModel(17).Function("pkg.Cell", cell).Function("pkg.F", body).Input("x", "N", 4).Longs("three", 3).Node("pkg.F", "x, three", "a").Node("pkg.F", "a, three", "y").Output("y").AssertAgrees();
        Assert.Equal(8, graph.Nodes.Count(n => n.Op is Tanh));
    }

    /// <summary>Integers that a DynamicQuantizeLinear makes are read as real numbers, if all that read them, in a function too, are products.</summary>
    [Fact]
    public void Readers_InsideAFunction_AreSeen()
    {
        var body = new OnnxModel(17).Input("x").Node("DynamicQuantizeLinear", "x", "q, scale, zero").Node("Cast", "q", "y", ("to", (int)DataType.Float)).Output("y");
        Assert.Contains("its integers are read by other operators", Refused(new OnnxModel(17).Function("pkg.F", body).Input("x", "N", 4).Node("pkg.F", "x", "y").Output("y")));
    }

    /// <summary>Three hundred calls of a function that holds 4 MB hold 4 MB.</summary>
    [Fact]
    public void Weights_OfAFunctionCalledOften_AreHeldOnce()
    {
        var weights = new TensorProto { DataType = (int)DataType.Float };
        weights.Dims.Add(1 << 20);
        weights.FloatData.AddRange(Enumerable.Repeat(0.5f, 1 << 20));
        var model = new OnnxModel(17).Function("pkg.F", new OnnxModel(17).Input("x").Node("Constant", "", "w", ("value", weights)).Node("Mul", "x, w", "y").Output("y")).Input("x", "N", 1 << 20);
        for (var i = 0; i < 300; i++)
            model.Node("pkg.F", i == 0 ? "x" : $"y{i - 1}", $"y{i}");
        Assert.Null(DamagedFile.LoadOrRefuse("often.onnx", model.Output("y299").ToBytes()));
    }

    [Fact]
    public void Function_ThatCallsItself_IsRefusedAtTheCall()
    {
        var f = new OnnxModel(17).Input("x").Node("pkg.G", "x", "y").Output("y");
        var g = new OnnxModel(17).Input("x").Node("pkg.F", "x", "y").Output("y");
        Assert.Contains("node 'pkg.F_0/pkg.G_0/pkg.F_0' (F): calls a function that calls itself", Refused(new OnnxModel(17).Function("pkg.F", f).Function("pkg.G", g).Input("x", "N", 4).Node("pkg.F", "x", "y").Output("y")));
    }

    /// <summary>Each of nine functions calls the next four times: 4^9 nodes.</summary>
    [Fact]
    public void Functions_ThatCallOneAnotherManyTimes_AreRefusedBeforeTheyAreTooLarge()
    {
        var model = new OnnxModel(17).Input("x", "N", 4).Node("pkg.F0", "x", "y").Output("y");
        for (var i = 0; i < 9; i++)
        {
            var next = i == 8 ? "Relu" : $"pkg.F{i + 1}";
            model.Function($"pkg.F{i}", new OnnxModel(17).Input("x").Node(next, "x", "a").Node(next, "a", "b").Node(next, "b", "c").Node(next, "c", "y").Output("y"));
        }
        Assert.Contains("more than 65536 nodes", Refused(model));
    }

    [Fact]
    public void Functions_InsideTwentyFunctions_AreRefused()
    {
        var model = new OnnxModel(17).Input("x", "N", 4).Node("pkg.F0", "x", "y").Output("y");
        for (var i = 0; i < 20; i++)
            model.Function($"pkg.F{i}", new OnnxModel(17).Input("x").Node(i == 19 ? "Relu" : $"pkg.F{i + 1}", "x", "y").Output("y"));
        Assert.Contains("is inside 16 other bodies", Refused(model));
    }

    public static TheoryData<string, string> Malformed => new()
    {
        { "outer", "calls a function that needs 'x0', which nothing in it defines" },
        { "outer, in a node", "reads 'x0', which nothing defines" },
        { "outer, in a branch", "calls a function that needs 'x0', which nothing in it defines" },
        { "cycle", "cycle" },
        { "inputs", "has 2 inputs and 1 outputs, the function that it calls 1 and 1" },
        { "outputs", "has 1 inputs and 2 outputs, the function that it calls 1 and 1" },
        { "input twice", "its body has two inputs 'x'" },
        { "attribute", "refers to an attribute 'slope', which it does not have" },
        { "attribute outside", "refers to one of a function, and the node is in none" },
        { "opset", "(F): uses opset 5" },
        { "twice", "defines the function 'pkg.F' twice" },
        { "operator", "node 'pkg.F_0/Unique_0' (Unique): the operator is not supported" },
        { "long name", "names of more than 4096 characters" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Function_ThatIsMalformed_IsRefusedInOneLine(string what, string says)
    {
        var model = new OnnxModel(17).Input("x0", "N", 4);
        var body = new OnnxModel(what == "opset" ? 5 : 17).Input("x");
        body = what switch
        {
            "outer" => body.Node("Relu", "x", "y").Output("x0"),
            "outer, in a node" => body.Node("Add", "x, x0", "y").Output("y"),
            "outer, in a branch" => body.Node("If", "x", "y", ("then_branch", new OnnxModel(17).Node("Relu", "x0", "t").Output("t").Graph)).Output("y"),
            "cycle" => body.Node("Add", "x, b", "a").Node("Relu", "a", "b").Output("b"),
            "input twice" => body.Input("x").Node("Relu", "x", "y").Output("y"),
            "attribute" => body.Node("LeakyRelu", "x", "y", ("alpha", new OfFunction("slope", AttributeType.Float))).Output("y"),
            "operator" => body.Node("Unique", "x", "y").Output("y"),
            "long name" => body.Node("Relu", "x", new string('y', 1 << 13)).Output(new string('y', 1 << 13)),
            _ => body.Node("Relu", "x", "y").Output("y"),
        };
        model.Function("pkg.F", body);
        if (what == "twice")
            model.Function("pkg.F", body);
        if (what == "attribute outside")
            model.Node("LeakyRelu", "x0", "y0", ("alpha", new OfFunction("slope", AttributeType.Float)));
        else
            model.Node("pkg.F", what == "inputs" ? "x0, x0" : "x0", what == "outputs" ? "y0, y1" : "y0");
        Assert.Contains(says, Refused(model.Output("y0")));
    }

    [Fact]
    public void MutatedFunctions_AreReadOrRefused()
    {
        var whole = Perceptron(new OnnxModel(17)).ToBytes();
        Assert.Null(DamagedFile.LoadOrRefuse("sound.onnx", whole));
        foreach (var bytes in Mutations.Of(whole, 4_000))
            DamagedFile.LoadOrRefuse("bad.onnx", bytes);
    }

    private OnnxModel Perceptron(OnnxModel model)
    {
        var layer = new OnnxModel(17).Input("x").Input("w").Input("b").Node("MatMul", "x, w", "product").Node("Add", "product, b", "sum").Node("LeakyRelu", "sum", "y", ("alpha", new OfFunction("slope", AttributeType.Float))).Output("y");
        var module = new OnnxModel(17).Input("x").Input("w0").Input("b0").Input("w1").Input("b1")
            .Node("pkg.nn.Layer", "x, w0, b0", "y", ("slope", new OfFunction("first", AttributeType.Float))).Node("pkg.nn.Layer", "y, w1, b1", "out", ("slope", 0.125f)).Output("out");
        return model.Function("pkg.nn.Layer", layer, ("slope", null)).Function("pkg.model.Perceptron", module, ("first", 0.3f)).Input("x", "N", 5)
            .Floats("w0", _random.Random(1, 5, 7).Floats, 5, 7).Floats("b0", _random.Random(1, 7).Floats, 7).Floats("w1", _random.Random(1, 7, 3).Floats, 7, 3).Floats("b1", _random.Random(1, 3).Floats, 3)
            .Node("pkg.model.Perceptron", "x, w0, b0, w1, b1", "y").Output("y");
    }

    private static string Refused(OnnxModel model) => DamagedFile.LoadOrRefuse("bad.onnx", model.ToBytes()) ?? throw new Xunit.Sdk.XunitException("the model was accepted");
}
