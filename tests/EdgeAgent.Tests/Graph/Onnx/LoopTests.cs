using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Loops of a known number of steps, against ONNX Runtime, which runs them as loops.</summary>
public class LoopTests
{
    private readonly TestGraph _random = new(3);

    [Fact]
    public void Loop_ThatCarriesAndStacks_ComputesEveryStep()
    {
        // h = tanh(h * W + step), and each h beside the others.
        var body = Body("h").Node("Cast", "step", "number", ("to", (int)DataType.Float)).Node("MatMul", "h, w", "wh").Node("Add", "wh, number", "sum").Node("Tanh", "sum", "next")
            .Node("Identity", "goes_on", "goes_on_out").Node("Identity", "next", "made");
        var graph = With(new OnnxModel(13).Input("x", "N", 4), "Loop", "count, , x", "last, all", Outputs(body, "goes_on_out", "next", "made")).Longs("count", 5).Output("last", "all").AssertAgrees();
        Assert.Equal(5, graph.Nodes.Count(n => n.Op is Tanh));
    }

    /// <summary>It goes on while the step is below 3, whatever the limit.</summary>
    [Fact]
    public void Loop_WithAConditionOfItsStep_EndsWithIt()
    {
        var body = Body("h").Floats("half", [0.5f]).Node("Mul", "h, half", "next").Node("Less", "step, bound", "goes_on_out");
        body.Initializer("bound", DataType.Int64, [], t => t.Int64Data.Add(2));
        var graph = With(new OnnxModel(13).Input("x", "N", 4), "Loop", "count, , x", "last", Outputs(body, "goes_on_out", "next")).Longs("count", 100).Output("last").AssertAgrees();
        Assert.Equal(3, graph.Nodes.Count(n => n.Op is Mul));
    }

    [Fact]
    public void Loop_InsideALoopWithABranch_NamesEveryStepApart()
    {
        GraphProto Branch(string op) => new OnnxModel(13).Node(op, "k", "branched").Output("branched").Graph;
        var inner = Body("k", step: "inner_step", goesOn: "inner_on").Node("Equal", "inner_step, step", "same").Node("If", "same", "chosen", ("then_branch", Branch("Tanh")), ("else_branch", Branch("Neg")))
            .Node("Add", "chosen, h", "inner_next").Node("Identity", "inner_on", "inner_on_out");
        var outer = Body("h").Longs("two", 2).Node("Loop", "two, , h", "next", ("body", Outputs(inner, "inner_on_out", "inner_next").Graph)).Node("Identity", "goes_on", "goes_on_out");
        var graph = With(new OnnxModel(13).Input("x", "N", 4), "Loop", "count, , x", "last", Outputs(outer, "goes_on_out", "next")).Longs("count", 3).Output("last").AssertAgrees();
        Assert.Equal((2, 4), (graph.Nodes.Count(n => n.Op is Tanh), graph.Nodes.Count(n => n.Op is Neg)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Scan_OfARecurrentCell_ComputesEveryStep(int backwards)
    {
        var body = new OnnxModel(13).Input("h", "N", 4).Input("element", "N", 3).Node("MatMul", "element, u", "ue").Node("MatMul", "h, w", "wh").Node("Add", "ue, wh", "sum").Node("Tanh", "sum", "next").Node("Identity", "next", "made").Output("next", "made");
        new OnnxModel(13).Input("x", "N", 6, 3).Input("start", "N", 4)
            .Floats("u", _random.Random(0.5f, 3, 4).Floats, 3, 4).Floats("w", _random.Random(0.5f, 4, 4).Floats, 4, 4)
            .Node("Scan", "start, x", "last, all", ("body", body.Graph), ("num_scan_inputs", 1), ("scan_input_axes", new[] { 1 }), ("scan_output_axes", new[] { 1 }), ("scan_input_directions", new[] { backwards }), ("scan_output_directions", new[] { backwards }))
            .Output("last", "all").AssertAgrees();
    }

    [Theory]
    [InlineData("from", "how often it is repeated is computed from data")]
    [InlineData("long", "more than 2048 times")]
    [InlineData("none", "empty tensor")]
    public void Loop_ThatCannotBeWrittenOut_IsRefusedByNode(string count, string says)
    {
        var body = Body("h").Node("Relu", "h", "next").Node("Identity", "goes_on", "goes_on_out").Node("Identity", "next", "made");
        var model = With(new OnnxModel(13).Input("x", "N", 4), "Loop", $"{count}, , x", "last, all", Outputs(body, "goes_on_out", "next", "made")).Longs("long", 1 << 20).Longs("none", 0).Input("from", 1).Output("last", "all");
        model.Graph.Input[1].Type.TensorType.ElemType = (int)DataType.Int64;
        var message = Assert.Throws<ModelImportException>(model.Load).Message;
        Assert.Contains("node 'Loop_0' (Loop)", message);
        Assert.Contains(says, message);
        Assert.DoesNotContain('\n', message);
    }

    /// <summary>Each of three loops inside one another has 2048 steps.</summary>
    [Fact]
    public void Loop_InsideLoopsOfManySteps_IsRefusedBeforeItIsTooLarge()
    {
        var body = Body("h2", "step2", "on2").Node("Relu", "h2", "next2").Node("Identity", "on2", "on2_out");
        for (var depth = 1; depth >= 0; depth--)
            body = Body($"h{depth}", $"step{depth}", $"on{depth}").Node("Loop", $"count, , h{depth}", $"next{depth}", ("body", Outputs(body, $"on{depth + 1}_out", $"next{depth + 1}").Graph)).Node("Identity", $"on{depth}", $"on{depth}_out");
        var model = With(new OnnxModel(13).Input("x", "N", 4), "Loop", "count, , x", "last", Outputs(body, "on0_out", "next0")).Longs("count", 2048).Output("last");
        Assert.Contains("more than 65536 nodes", Assert.Throws<ModelImportException>(model.Load).Message);
    }

    [Fact]
    public void MutatedLoopsAndProducts_AreReadOrRefused()
    {
        var body = Body("h").Node("MatMul", "h, w", "wh").Node("Tanh", "wh", "next").Node("Identity", "goes_on", "goes_on_out").Node("Identity", "next", "made");
        var scanned = new OnnxModel(23).Input("s", "N", 4).Input("element", "N", 4).Node("Einsum", "element, w", "product", ("equation", "...i,ij->...j")).Node("Add", "s, product", "sum").Node("Identity", "sum", "each").Output("sum", "each");
        var whole = With(new OnnxModel(23).Input("x", "N", 4).Input("y", "N", 3, 4), "Loop", "count, , x", "last, all", Outputs(body, "goes_on_out", "next", "made")).Longs("count", 3)
            .Node("Scan", "last, y", "final, sums", ("body", scanned.Graph), ("num_scan_inputs", 1), ("scan_input_axes", new[] { 1 }), ("scan_output_axes", new[] { 1 }))
            .Node("Attention", "y, sums, sums", "attended", ("q_num_heads", 2), ("kv_num_heads", 2)).Output("final", "all", "attended");
        Assert.Null(DamagedFile.LoadOrRefuse("sound.onnx", whole.ToBytes()));
        foreach (var bytes in Mutations.Of(whole.ToBytes(), 2_000))
            DamagedFile.LoadOrRefuse("bad.onnx", bytes);
    }

    private OnnxModel With(OnnxModel model, string op, string inputs, string outputs, OnnxModel body) =>
        model.Floats("w", _random.Random(0.5f, 4, 4).Floats, 4, 4).Node(op, inputs, outputs, ("body", body.Graph));

    /// <summary>A body with the step, the condition and one value [N, 4].</summary>
    private static OnnxModel Body(string carried, string step = "step", string goesOn = "goes_on")
    {
        var body = new OnnxModel(13).Input(step).Input(goesOn).Input(carried, "N", 4);
        body.Graph.Input[0].Type.TensorType.ElemType = (int)DataType.Int64;
        body.Graph.Input[1].Type.TensorType.ElemType = (int)DataType.Bool;
        return body;
    }

    private static OnnxModel Outputs(OnnxModel body, string goesOn, params string[] values)
    {
        body.Output([goesOn, .. values]);
        body.Graph.Output[0].Type.TensorType.ElemType = (int)DataType.Bool;
        return body;
    }
}
