using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Sequences of tensors, which leave nothing in the graph but their tensors; the reference is ONNX Runtime.</summary>
public class ListTests
{
    /// <summary>torch.cat as PyTorch 2.1 exports it: the list is built in the graph and joined in a function.</summary>
    [Fact]
    public void Construct_JoinedInAFunction_IsAConcatenation()
    {
        var cat = new OnnxModel(17).Input("tensors").Node("ConcatFromSequence", "tensors", "joined", ("axis", new OfFunction("dim", AttributeType.Int))).Output("joined");
        var graph = new OnnxModel(17).Function("pkg.aten_cat", cat, ("dim", null)).Input("x", "N", 3, 4).Input("z", "N", 2, 4)
            .Node("Relu", "x", "r").Node("SequenceConstruct", "r, z, x", "list").Node("pkg.aten_cat", "list", "y", ("dim", 1)).Output("y").AssertAgrees();
        Assert.Equal([-1, 8, 4], graph.Outputs[0].Shape);
    }

    /// <summary>torch.stack.</summary>
    [Fact]
    public void Construct_JoinedAlongANewAxis_IsAStack() =>
        Assert.Equal([-1, 3, 2], new OnnxModel(17).Input("x", "N", 3).Node("Neg", "x", "n").Node("SequenceConstruct", "x, n", "list").Node("ConcatFromSequence", "list", "y", ("axis", -1), ("new_axis", 1)).Output("y").AssertAgrees().Outputs[0].Shape);

    /// <summary>x.chunk(3, 1)[-1], x.split([1, 4, 2], 1)[1] and x.unbind(1)[2].</summary>
    [Fact]
    public void Split_OfOneSizeOfSeveralAndOfSingles_GivesTheParts()
    {
        var graph = Parts().AssertAgrees();
        Assert.Equal(["-1,1,2", "-1,4,2", "-1,2"], graph.Outputs.Select(o => string.Join(',', o.Shape)));
    }

    [Fact]
    public void MutatedSequences_AreReadOrRefused()
    {
        foreach (var bytes in Mutations.Of(Parts().ToBytes(), 2_000))
            DamagedFile.LoadOrRefuse("bad.onnx", bytes);
    }

    private static OnnxModel Parts() =>
        new OnnxModel(17).Input("x", "N", 7, 2).Initializer("three", DataType.Int64, [], t => t.Int64Data.Add(3)).Longs("sizes", 1, 4, 2)
            .Initializer("last", DataType.Int64, [], t => t.Int64Data.Add(-1)).Initializer("one", DataType.Int64, [], t => t.Int64Data.Add(1)).Initializer("two", DataType.Int64, [], t => t.Int64Data.Add(2))
            .Node("SplitToSequence", "x, three", "chunks", ("axis", 1)).Node("SequenceAt", "chunks, last", "chunk")
            .Node("SplitToSequence", "x, sizes", "parts", ("axis", 1)).Node("SequenceAt", "parts, one", "part")
            .Node("SplitToSequence", "x", "singles", ("axis", 1), ("keepdims", 0)).Node("SequenceAt", "singles, two", "single").Output("chunk", "part", "single");

    /// <summary>A list with tensors put in and taken out, and its length.</summary>
    [Fact]
    public void Sequence_ThatIsChanged_KeepsItsOrder() =>
        new OnnxModel(17).Input("x", "N", 2).Node("Neg", "x", "n").Node("Abs", "x", "a").Initializer("zero", DataType.Int64, [], t => t.Int64Data.Add(0)).Initializer("back", DataType.Int64, [], t => t.Int64Data.Add(-2))
            .Node("SequenceEmpty", "", "s0").Node("SequenceInsert", "s0, x", "s1").Node("SequenceInsert", "s1, n, zero", "s2").Node("SequenceInsert", "s2, a", "s3").Node("SequenceInsert", "s3, a, back", "s4").Node("SequenceErase", "s4, zero", "s5").Node("SequenceErase", "s5", "s6")
            .Node("SequenceLength", "s6", "length").Node("Cast", "length", "number", ("to", (int)DataType.Float)).Node("ConcatFromSequence", "s6", "joined", ("axis", 1)).Node("Mul", "joined, number", "y").Output("y").AssertAgrees();

    /// <summary>A list that grows in a loop, as scripted modules build it.</summary>
    [Fact]
    public void Sequence_CarriedByALoop_HasATensorOfEveryStep()
    {
        var body = new OnnxModel(17).Input("step").Input("on").Input("h").Input("list").Node("Tanh", "h", "next").Node("SequenceInsert", "list, next", "longer").Node("Identity", "on", "on_out").Output("on_out", "next", "longer");
        var graph = new OnnxModel(17).Input("x", "N", 2).Longs("three", 3).Node("SequenceEmpty", "", "none").Node("Loop", "three, , x, none", "last, all", ("body", body.Graph)).Node("ConcatFromSequence", "all", "y", ("axis", 1)).Output("y").Load();
        var y = new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { ["x"] = Tensor.Of([0.5f, -1], 1, 2) })["y"].Floats;
        float[] steps = [MathF.Tanh(0.5f), MathF.Tanh(-1), MathF.Tanh(MathF.Tanh(0.5f)), MathF.Tanh(MathF.Tanh(-1)), MathF.Tanh(MathF.Tanh(MathF.Tanh(0.5f))), MathF.Tanh(MathF.Tanh(MathF.Tanh(-1)))];
        Assert.All(steps.Zip(y), p => Assert.InRange(p.Second, p.First - 1e-5f, p.First + 1e-5f));
        Assert.Equal([1, 6], graph.Outputs[0].Shape.Select(d => Math.Abs(d)));
    }

    [Theory]
    [InlineData("outside", "(SequenceAt): position 2 is outside a sequence of 2")]
    [InlineData("data", "(SequenceAt): its position in the sequence is computed from data")]
    [InlineData("no sequence", "(SequenceAt): reads 'x', which is no sequence")]
    [InlineData("batch", "(SplitToSequence): splits -1 elements")]
    [InlineData("parts", "(SplitToSequence): parts of [2,2] do not make up 3")]
    [InlineData("empty", "(ConcatFromSequence): joins the tensors of an empty sequence")]
    [InlineData("erased", "(SequenceErase): takes a tensor from an empty sequence")]
    [InlineData("no tensor", "(Relu) reads 'list', which nothing defines")]
    [InlineData("output", "output 'y'")]
    public void Sequence_ThatDoesNotFit_IsRefusedInOneLine(string what, string says)
    {
        var model = new OnnxModel(17).Input("x", "N", 3).Longs("two", 2).Longs("pair", 2, 2);
        model = what switch
        {
            "outside" => model.Node("SequenceConstruct", "x, x", "list").Node("SequenceAt", "list, two", "y"),
            "data" => model.Node("SequenceConstruct", "x, x", "list").Node("SequenceAt", "list, x", "y"),
            "no sequence" => model.Node("SequenceAt", "x, two", "y"),
            "batch" => model.Node("SplitToSequence", "x", "list").Node("SequenceAt", "list, two", "y"),
            "parts" => model.Node("SplitToSequence", "x, pair", "list", ("axis", 1)).Node("SequenceAt", "list, two", "y"),
            "empty" => model.Node("SequenceEmpty", "", "list").Node("ConcatFromSequence", "list", "y", ("axis", 1)),
            "erased" => model.Node("SequenceEmpty", "", "list").Node("SequenceErase", "list", "less").Node("SequenceAt", "less, two", "y"),
            "no tensor" => model.Node("SequenceConstruct", "x, x", "list").Node("Relu", "list", "y"),
            _ => model.Node("SequenceConstruct", "x, x", "y"),
        };
        var message = Assert.Throws<ModelImportException>(model.Output("y").Load).Message;
        Assert.Contains(says, message);
        Assert.DoesNotContain('\n', message);
    }
}
