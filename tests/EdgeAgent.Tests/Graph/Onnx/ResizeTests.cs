using EdgeAgent.Graph.Import;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Images of another size, against ONNX Runtime.</summary>
public class ResizeTests
{
    private static readonly string[] _roundings = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

    /// <summary>A position of the output often falls on one of the input exactly, but no scale such as a third is exact.</summary>
    [Theory]
    [InlineData("asymmetric")]
    [InlineData("half_pixel")]
    [InlineData("pytorch_half_pixel")]
    [InlineData("align_corners")]
    public void Nearest_OfAnySizes_TakesThePixelsThatOnnxRuntimeTakes(string coordinates)
    {
        (int From, int To)[] sizes = [(30, 10), (30, 6), (30, 5), (49, 7), (12, 9), (10, 7), (10, 30), (7, 49), (9, 12), (48, 36), (2, 82), (5, 1), (3, 5)];
        foreach (var (from, to) in sizes)
        {
            var model = new OnnxModel(13).Input("x", "N", 1, from, 2).Floats("scales", [1, 1, (float)to / from, 1], 4);
            foreach (var rounding in _roundings)
                model.Node("Resize", "x, , scales", rounding, ("coordinate_transformation_mode", coordinates), ("nearest_mode", rounding)).Output(rounding);
            Assert.All(model.AssertAgrees(tolerance: 0).Outputs, o => Assert.Equal([-1, 1, to, 2], o.Shape));
        }
    }

    /// <summary>The size that follows from a scale is rounded down in float32: 10 by 0.7 is 7, though in double it is below.</summary>
    [Fact]
    public void Scale_ThatIsNotExact_GivesTheSizeOfOnnxRuntime() =>
        Assert.Equal([-1, 1, 7, 2], new OnnxModel(13).Input("x", "N", 1, 10, 2).Floats("scales", [1, 1, 0.7f, 1], 4).Node("Resize", "x, , scales", "y").Output("y").AssertAgrees().Outputs[0].Shape);

    /// <summary>As PyTorch writes interpolate(x, size): the sizes of batch and channels are taken from the shape of x.</summary>
    [Theory]
    [InlineData("linear", 11)]
    [InlineData("nearest", 13)]
    [InlineData("linear", 18)]
    public void Sizes_WithTheBatchOfTheInput_KeepItFree(string mode, int opset)
    {
        var graph = new OnnxModel(opset).Input("x", "N", 3, 5, 6).Longs("zero", 0).Longs("two", 2).Longs("wanted", 7, 4).Floats("none", [], 0)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, two, zero", "kept").Node("Concat", "kept, wanted", "sizes", ("axis", 0))
            .Node("Resize", "x, none, none, sizes", "y", ("mode", mode), ("coordinate_transformation_mode", mode == "linear" ? "pytorch_half_pixel" : "asymmetric"), ("nearest_mode", "floor"))
            .Output("y").AssertAgrees(batch: 3);
        Assert.Equal([-1, 3, 7, 4], graph.Outputs[0].Shape);
        Assert.Single(graph.Nodes);
    }

    [Fact]
    public void Sizes_ThatGrowWithTheBatch_AreRefusedByNode()
    {
        var model = new OnnxModel(13).Input("x", "N", 3, 5, 6).Longs("zero", 0).Longs("one", 1).Longs("three", 3).Longs("wanted", 4)
            .Node("Shape", "x", "shape").Node("Slice", "shape, zero, one", "batch").Node("Concat", "batch, three, batch, wanted", "sizes", ("axis", 0))
            .Node("Resize", "x, , , sizes", "y").Output("y");
        Assert.Contains("node 'Resize_3' (Resize): resizes [-1,3,5,6]", Assert.Throws<ModelImportException>(model.Load).Message);
    }

    /// <summary>As tf2onnx writes every UpSampling2D, and by the rounding that is ONNX's default.</summary>
    [Theory]
    [InlineData("floor")]
    [InlineData("round_prefer_floor")]
    public void Nearest_ByTheCoordinatesOfTensorFlow_TakesThePixelsThatOnnxRuntimeTakes(string rounding)
    {
        foreach (var (from, to) in new[] { (4, 8), (4, 12), (12, 4), (10, 7), (30, 6), (5, 2) })
            new OnnxModel(11).Input("x", "N", 2, from, 3).Floats("none", [], 0).Floats("scales", [1, 1, (float)to / from, 2], 4)
                .Node("Resize", "x, none, scales", "y", ("coordinate_transformation_mode", "tf_half_pixel_for_nn"), ("nearest_mode", rounding)).Output("y").AssertAgrees(tolerance: 0);
    }

    [Fact]
    public void Nearest_ByTheCoordinatesOfTensorFlowAndAnotherRounding_IsRefused()
    {
        var model = new OnnxModel(11).Input("x", "N", 2, 4, 3).Floats("none", [], 0).Floats("scales", [1, 1, 2, 2], 4)
            .Node("Resize", "x, none, scales", "y", ("coordinate_transformation_mode", "tf_half_pixel_for_nn"), ("nearest_mode", "ceil")).Output("y");
        Assert.Contains("nearest_mode 'ceil' with tf_half_pixel_for_nn", Assert.Throws<ModelImportException>(model.Load).Message);
    }
}
