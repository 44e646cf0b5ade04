using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Operators of text models and of attention that go by places, against ONNX Runtime.</summary>
public class PositionTests
{
    /// <summary>Scores of rows that a mask hides altogether are 0 / 0, which exporters replace by 0.</summary>
    [Fact]
    public void IsNaN_OfAHiddenRow_IsReplaced() =>
        new OnnxModel(13).Input("x", "N", 3, 4).Floats("mask", [0, 0, float.NegativeInfinity, 0, .. Enumerable.Repeat(float.NegativeInfinity, 4), 0, 0, 0, 0], 3, 4).Floats("nothing", [0])
            .Node("Add", "x, mask", "scores").Node("Softmax", "scores", "shares", ("axis", -1)).Node("IsNaN", "shares", "hidden").Node("Where", "hidden, nothing, shares", "y").Output("y").AssertAgrees();

    /// <summary>token.repeat(x.size(0), 2, 1), as PyTorch writes it with Tile.</summary>
    [Fact]
    public void Tile_AsOftenAsTheBatch_RepeatsItForEverySample()
    {
        var graph = new OnnxModel(13).Input("x", "N", 5, 3).Floats("token", [1, -2, 3], 1, 1, 3).Longs("zero", 0).Longs("one", 1).Longs("rest", 2, 1)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "batch").Node("Concat", "batch, rest", "repeats", ("axis", 0)).Node("Tile", "token, repeats", "tokens")
            .Node("Concat", "tokens, x", "y", ("axis", 1)).Output("y").AssertAgrees(batch: 3);
        Assert.Equal([-1, 7, 3], graph.Outputs[0].Shape);
    }

    [Fact]
    public void Tile_OfSamplesAsOftenAsTheBatch_IsRefusedByNode()
    {
        var model = new OnnxModel(13).Input("x", "N", 3).Longs("zero", 0).Longs("one", 1).Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "batch").Node("Concat", "batch, one", "repeats", ("axis", 0)).Node("Tile", "x, repeats", "y").Output("y");
        Assert.Contains("node 'Tile_3' (Tile): repeats [-1,3] along axis 0", Assert.Throws<ModelImportException>(model.Load).Message);
    }

    /// <summary>Indices from -3 to 3, of which a depth of 3 has places for -3 to 2.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public void OneHot_AlongAnyAxis_Agrees(int axis) =>
        Whole(new OnnxModel(13).Input("x", "N", 5)).Initializer("depth", DataType.Int64, [], t => t.Int64Data.Add(3)).Floats("values", [-1, 2.5f], 2).Node("OneHot", "whole, depth, values", "y", ("axis", axis)).Output("y").AssertAgrees(batch: 4);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    public void CumSum_OfRealAndWholeNumbers_Agrees(int exclusive, int reverse)
    {
        var model = Whole(new OnnxModel(13).Input("x", "N", 6, 3)).Initializer("axis", DataType.Int64, [], t => t.Int64Data.Add(1)).Node("CumSum", "x, axis", "sums", ("exclusive", exclusive), ("reverse", reverse));
        model.Node("CumSum", "whole, axis", "counts", ("exclusive", exclusive), ("reverse", reverse)).Node("Cast", "counts", "numbers", ("to", (int)DataType.Float)).Output("sums", "numbers").AssertAgrees();
    }

    /// <summary>As tf2onnx turns a sequence around: the length of each sample's is the length of them all.</summary>
    [Fact]
    public void ReverseSequence_OfWholeLengths_IsASlice()
    {
        var graph = new OnnxModel(13).Input("x", "N", 6, 3).Longs("zero", 0).Longs("one", 1).Longs("two", 2)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "batch").Node("Slice", "shape, one, two", "length").Node("Expand", "length, batch", "lengths")
            .Node("ReverseSequence", "x, lengths", "y", ("batch_axis", 0), ("time_axis", 1)).Output("y").AssertAgrees(batch: 3);
        Assert.Contains(graph.Nodes, n => n.Op is StridedSlice { Steps: [-1] });
        Assert.DoesNotContain(graph.Nodes, n => n.Op is MatMul);
    }

    /// <summary>Lengths of each sample, here 0 to 6, are data.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void ReverseSequence_OfComputedLengths_TurnsTheFirstElements(int batch, int time)
    {
        var model = new OnnxModel(13).Input("x", "N", 6, 3, 2).Input("n", "N", 1).Floats("scale", [2]).Floats("offset", [4]).Floats("zero", [0]).Floats("six", [6]).Longs("axis", 1)
            .Node("Mul", "n, scale", "scaled").Node("Add", "scaled, offset", "shifted").Node("Clip", "shifted, low, high", "bounded").Node("Squeeze", "bounded, axis", "flat").Node("Cast", "flat", "lengths", ("to", (int)DataType.Int64))
            .Initializer("low", DataType.Float, [], t => t.FloatData.Add(0)).Initializer("high", DataType.Float, [], t => t.FloatData.Add(6));
        if (time == 0)
            model.Node("Transpose", "x", "steps", ("perm", new[] { 1, 0, 2, 3 }));
        else
            model.Node("Identity", "x", "steps");
        model.Node("ReverseSequence", "steps, lengths", "y", ("batch_axis", batch), ("time_axis", time)).Output("y").AssertAgrees(batch: 5, tolerance: 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Mod_OfConstantsAndWholeNumbers_Agrees(int fmod)
    {
        // Real numbers are constants here; whole ones are computed, of either sign.
        var model = Whole(new OnnxModel(13).Input("x", "N", 6)).Longs("by", 3, -2, 2, -3, 1, 5).Longs("sevens", 7, -7, 7, -7, 6, -6).Floats("a", [5.3f, -5.3f, 5.3f, -5.3f, 4, -4], 6).Floats("b", [2.1f, 2.1f, -2.1f, -2.1f, 2, 2], 6)
            .Node("Mod", "whole, by", "rest", ("fmod", fmod)).Node("Mod", "sevens, by", "folded", ("fmod", fmod)).Node("Mod", "a, b", "real", ("fmod", 1))
            .Node("Cast", "rest", "r", ("to", (int)DataType.Float)).Node("Cast", "folded", "f", ("to", (int)DataType.Float)).Node("Add", "r, f", "whole_parts").Node("Add", "whole_parts, real", "y");
        model.Output("y").AssertAgrees(batch: 5);
    }

    [Fact]
    public void Mod_OfComputedRealNumbers_IsRefused() =>
        Assert.Contains("(Mod): computes remainders of real numbers", Assert.Throws<ModelImportException>(new OnnxModel(13).Input("x", "N", 3).Node("Mod", "x, x", "y", ("fmod", 1)).Output("y").Load).Message);

    /// <summary>The columns of a mask that are not 0, as indices of a Gather.</summary>
    [Fact]
    public void NonZero_OfAConstant_IsFolded()
    {
        var graph = new OnnxModel(13).Input("x", "N", 6).Longs("mask", 1, 0, 0, 1, 1, 0).Longs("axis", 0).Node("NonZero", "mask", "places").Node("Squeeze", "places, axis", "columns")
            .Node("Gather", "x, columns", "y", ("axis", 1)).Output("y").AssertAgrees();
        Assert.Equal([-1, 3], graph.Outputs[0].Shape);
        Assert.Single(graph.Nodes);
    }

    /// <summary>The place of the largest token, which is where a text ends.</summary>
    [Theory]
    [InlineData("ArgMax")]
    [InlineData("ArgMin")]
    public void ArgMax_OfWholeNumbers_Agrees(string op) =>
        Whole(new OnnxModel(13).Input("x", "N", 6)).Node(op, "whole", "place", ("axis", 1)).Node("Cast", "place", "y", ("to", (int)DataType.Float)).Output("y").AssertAgrees(batch: 5);

    /// <summary>A shape's own shape is known, though the batch is in it.</summary>
    [Fact]
    public void Shape_OfAShape_IsFolded()
    {
        var graph = new OnnxModel(13).Input("x", "N", 2, 3).Node("Shape", "x", "shape").Node("Shape", "shape", "rank").Node("Cast", "rank", "number", ("to", (int)DataType.Float)).Node("Add", "x, number", "y").Output("y").AssertAgrees();
        Assert.Single(graph.Nodes);
    }

    /// <summary>The value 'whole' of integers from -3 to 3.</summary>
    private static OnnxModel Whole(OnnxModel model) =>
        model.Floats("wide", [1.6f]).Node("Mul", "x, wide", "scaled").Node("Round", "scaled", "rounded").Node("Cast", "rounded", "whole", ("to", (int)DataType.Int64));
}
