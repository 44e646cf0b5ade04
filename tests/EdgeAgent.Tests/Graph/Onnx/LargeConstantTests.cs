using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>
/// Tables that a file computes from constants and that are too large to be folded while it is read: they stay nodes, and become
/// constants where the graph is simplified. The reference is ONNX Runtime.
/// </summary>
public class LargeConstantTests
{
    private const int Length = 70;

    /// <summary>As PyTorch writes torch.triu(torch.full((T, T), -inf), 1), added to the scores of attention.</summary>
    [Fact]
    public void CausalMask_OfAFilledTriangle_IsANodeUntilItIsSimplified()
    {
        var graph = new OnnxModel(14).Input("x", "N", Length, Length).Longs("shape", Length, Length).Initializer("one", DataType.Int64, [], t => t.Int64Data.Add(1))
            .Node("ConstantOfShape", "shape", "full", ("value", Float(-1e4f))).Node("Trilu", "full, one", "mask", ("upper", 1)).Node("Add", "x, mask", "masked").Node("Softmax", "masked", "y", ("axis", -1))
            .Output("y").AssertAgrees();
        Assert.Equal(["Add", "Softmax"], ConstantFolding.Apply(graph).Nodes.Select(n => n.Op.Type));
    }

    /// <summary>As Hugging Face writes it: positions compared with positions.</summary>
    [Fact]
    public void CausalMask_OfComparedPositions_IsComputed()
    {
        var model = Positions(new OnnxModel(13).Input("x", "N", Length, Length), "row").Longs("last", -1).Longs("first", 0).Floats("low", [-1e4f]).Floats("nothing", [0]);
        var graph = model.Node("Unsqueeze", "row, last", "rows").Node("Unsqueeze", "row, first", "columns").Node("Greater", "columns, rows", "later").Node("Not", "later", "seen").Node("Not", "seen", "unseen")
            .Node("Where", "unseen, low, nothing", "mask").Node("Add", "x, mask", "y").Output("y").AssertAgrees();
        Assert.Equal(["Add"], ConstantFolding.Apply(graph).Nodes.Select(n => n.Op.Type));
    }

    /// <summary>Sines of positions times frequencies, computed in the file.</summary>
    [Fact]
    public void SinusoidalPositions_OfRangeAndFrequencies_AreComputed()
    {
        float[] frequencies = [.. Enumerable.Range(0, 64).Select(i => MathF.Pow(10000, -i / 64f))];
        var model = Positions(new OnnxModel(13).Input("x", "N", Length, 128), "row").Longs("last", -1).Longs("first", 0).Floats("frequencies", frequencies, 64);
        var graph = model.Node("Cast", "row", "numbers", ("to", (int)DataType.Float)).Node("Unsqueeze", "numbers, last", "rows").Node("Unsqueeze", "frequencies, first", "columns").Node("Mul", "rows, columns", "angles")
            .Node("Sin", "angles", "sines").Node("Cos", "angles", "cosines").Node("Concat", "sines, cosines", "table", ("axis", 1)).Node("Add", "x, table", "y").Output("y").AssertAgrees();
        Assert.Equal(["Add"], ConstantFolding.Apply(graph).Nodes.Select(n => n.Op.Type));
    }

    /// <summary>Rows of a table picked by constants: 100 rows of 100 elements.</summary>
    [Fact]
    public void Gather_OfManyRowsOfASmallTable_IsComputed()
    {
        var graph = new OnnxModel(13).Input("x", "N", 100, 100).Floats("table", new TestGraph(1).Random(1, 7, 100).Floats, 7, 100).Longs("rows", [.. Enumerable.Range(0, 100).Select(i => i % 7L)])
            .Node("Gather", "table, rows", "picked").Node("Add", "x, picked", "y").Output("y").AssertAgrees();
        Assert.Equal(["Add"], ConstantFolding.Apply(graph).Nodes.Select(n => n.Op.Type));
    }

    /// <summary>States that begin with zeros are left out, however many there are.</summary>
    [Fact]
    public void RecurrentLayer_WithManyZerosAsStates_BeginsWithoutThem()
    {
        var random = new TestGraph(2);
        var graph = new OnnxModel(13).Input("x", 3, 80, 2).Longs("states", 1, 80, 64).Floats("w", random.Random(1, 1, 64, 2).Floats, 1, 64, 2).Floats("r", random.Random(1, 1, 64, 64).Floats, 1, 64, 64)
            .Node("ConstantOfShape", "states", "filled").Node("Identity", "filled", "h0").Node("RNN", "x, w, r, , , h0", "y", ("hidden_size", 64)).Output("y").Load();
        Assert.Equal(3, graph.Nodes.Single(n => n.Op is Rnn).Inputs.Count);
    }

    /// <summary>The numbers 0 to 69 as a file computes them from the length of a sequence.</summary>
    private static OnnxModel Positions(OnnxModel model, string name) => model
        .Initializer("zero", DataType.Int64, [], t => t.Int64Data.Add(0)).Initializer("step", DataType.Int64, [], t => t.Int64Data.Add(1)).Initializer("axis", DataType.Int64, [], t => t.Int64Data.Add(1))
        .Node("Shape", "x", "shape").Node("Gather", "shape, axis", "length").Node("Range", "zero, length, step", name);

    private static EdgeAgent.Graph.Import.Onnx.TensorProto Float(float value)
    {
        var tensor = new EdgeAgent.Graph.Import.Onnx.TensorProto { DataType = (int)DataType.Float };
        tensor.Dims.Add(1);
        tensor.FloatData.Add(value);
        return tensor;
    }
}
