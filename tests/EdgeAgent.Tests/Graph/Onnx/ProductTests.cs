using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Einsum and Attention, against ONNX Runtime.</summary>
public class ProductTests
{
    [Theory]
    [InlineData("bij,bjk->bik", "N,2,3", "N,3,4")]
    [InlineData("bhqd,bkhd->bqhk", "N,2,3,4", "N,5,2,4")]
    [InlineData("bij,bji", "N,2,3", "N,3,2")]
    [InlineData("b...j,jk->bk...", "N,2,5,3", "3,4")]
    [InlineData("...ij,...jk->...ik", "N,1,2,3", "N,5,3,4")]
    [InlineData("bii->bi", "N,4,4")]
    [InlineData("bijij->bj", "N,2,3,2,3")]
    [InlineData("bij->b", "N,2,3")]
    [InlineData("bij->jbi", "N,2,3")]
    [InlineData("bi,ij,jk,k->b", "N,2", "2,3", "3,4", "4")]
    [InlineData("bi,c->bic", "N,2", "3")]
    public void Einsum_AnyEquation_AgreesWithOnnxRuntime(string equation, params string[] shapes)
    {
        var model = new OnnxModel(13);
        for (var i = 0; i < shapes.Length; i++)
            model.Input($"x{i}", [.. shapes[i].Split(',').Select(d => int.TryParse(d, out var size) ? (object)size : d)]);
        model.Node("Einsum", string.Join(", ", shapes.Select((_, i) => $"x{i}")), "y", ("equation", equation)).Output("y").AssertAgrees();
    }

    [Theory]
    [InlineData("bi->c")]
    [InlineData("bi->bb")]
    [InlineData("bij->b")]
    [InlineData("b->b->b")]
    [InlineData("bi,bi->b")]
    [InlineData("b1->b")]
    [InlineData("........b->b")]
    public void Einsum_ThatDoesNotFit_IsRefusedByNodeAndEquation(string equation)
    {
        var message = Assert.Throws<ModelImportException>(new OnnxModel(13).Input("x", "N", 4).Node("Einsum", "x", "y", ("equation", equation)).Output("y").Load).Message;
        Assert.Contains("node 'Einsum_0' (Einsum)", message);
        Assert.Contains(equation, message);
    }

    [Theory]
    [InlineData(4, 4, 0, 0f)]
    [InlineData(4, 2, 1, 0f)]
    [InlineData(4, 1, 0, 1.5f)]
    public void Attention_FlatHeads_AgreesWithOnnxRuntime(int heads, int shared, int causal, float cap)
    {
        const int width = 3;
        new OnnxModel(23).Input("q", "N", 5, heads * width).Input("k", "N", 6, shared * width).Input("v", "N", 6, shared * 2)
            .Node("Attention", "q, k, v", "y", ("q_num_heads", heads), ("kv_num_heads", shared), ("is_causal", causal), ("softcap", cap), ("scale", 0.7f)).Output("y").AssertAgrees();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attention_WithAMask_AgreesWithOnnxRuntime(bool ofBools)
    {
        var model = new OnnxModel(23).Input("q", "N", 2, 3, 4).Input("k", "N", 2, 3, 4).Input("v", "N", 2, 3, 4);
        if (ofBools)
            model.Initializer("mask", DataType.Bool, [3, 3], t => t.Int32Data.AddRange([1, 0, 1, 1, 1, 0, 0, 0, 1]));
        else
            model.Floats("mask", [0, -1, 2, 0.5f, 0, -3, 1, 1, 0], 3, 3);
        model.Node("Attention", "q, k, v, mask", "y").Output("y").AssertAgrees();
    }

    [Fact]
    public void Attention_WithAPast_IsRefusedByNode()
    {
        var model = new OnnxModel(23).Input("q", "N", 2, 3, 4).Input("p", "N", 2, 3, 4).Node("Attention", "q, q, q, , p, p", "y, present_k, present_v").Output("y");
        Assert.Contains("past and present keys", Assert.Throws<ModelImportException>(model.Load).Message);
    }

    /// <summary>Files of other floating-point types are computed in float32: so are their inputs and outputs.</summary>
    [Theory]
    [InlineData("Double")]
    [InlineData("Float16")]
    public void Inputs_OfOtherFloats_AreFloat32(string name)
    {
        var type = Enum.Parse<DataType>(name);
        var model = new OnnxModel(13).Input("x", "N", 3).Node("MatMul", "x, w", "y").Output("y");
        model.Graph.Input[0].Type.TensorType.ElemType = model.Graph.Output[0].Type.TensorType.ElemType = (int)type;
        model.Initializer("w", type, [3, 1], t =>
        {
            if (type == DataType.Double)
                t.DoubleData.AddRange([1, 0.5, 2]);
            else
                t.Int32Data.AddRange(new[] { 1f, 0.5f, 2f }.Select(v => (int)BitConverter.HalfToUInt16Bits((Half)v)));
        });
        var graph = model.Load();
        Assert.Equal(ElementType.Float32, graph.Inputs[0].Type);
        Assert.Equal([9f], new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { ["x"] = Tensor.Of([2f, 2, 3], 1, 3) })["y"].Floats);
    }
}
