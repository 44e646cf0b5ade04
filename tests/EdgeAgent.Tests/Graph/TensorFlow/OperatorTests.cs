using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;
using Google.Protobuf;
using static EdgeAgent.Tests.Graph.TensorFlow.TensorFlowNodes;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>TensorFlow's operators that are several of the graph IR's, against their definitions.</summary>
public class OperatorTests
{
    private readonly TestGraph _test = new(5);

    [Theory]
    [InlineData("abc,cde->abde", new[] { 2, 3, 4 }, new[] { 4, 2, 3 })]
    [InlineData("abcd,cde->abe", new[] { 2, 3, 4, 2 }, new[] { 4, 2, 5 })]
    [InlineData("aecd,abcd->acbe", new[] { 2, 3, 2, 4 }, new[] { 2, 5, 2, 4 })]
    [InlineData("acbe,aecd->abcd", new[] { 2, 3, 5, 4 }, new[] { 2, 4, 3, 2 })]
    [InlineData("ab,cb->ca", new[] { 2, 4 }, new[] { 3, 4 })]
    [InlineData("ab,ab->ab", new[] { 2, 4 }, new[] { 2, 4 })]
    [InlineData("ab,cd->abc", new[] { 2, 4 }, new[] { 3, 5 })]
    [InlineData("abb,bc->ac", new[] { 2, 4, 4 }, new[] { 4, 3 })]
    public void Einsum_OfAnyAxes_IsTheSum(string equation, int[] first, int[] second)
    {
        var (a, b) = (_test.Random(1, first), _test.Random(1, second));
        var shared = second.Length == first.Length && equation[0] == equation[equation.IndexOf(',') + 1];
        // Weights have no batch; values of the model have it first.
        var graph = shared
            ? Import(Node("y", "Einsum", ["a", "b"], ("equation", Text(equation))), Placeholder("a", first), Placeholder("b", second))
            : Import(Node("y", "Einsum", ["a", "b"], ("equation", Text(equation))), Placeholder("a", first), Constant("b", b));
        ChannelsLastMath.AssertClose(Naive(equation, a, b), shared ? KerasFileTests.Run(graph, a, b) : KerasFileTests.Run(graph, a));
    }

    [Theory]
    [InlineData("ij->i")]
    [InlineData("aab,bc->ac")]
    [InlineData("ab,bc->ad")]
    public void Einsum_ThatDoesNotFit_IsRefusedByNode(string equation) =>
        Assert.Contains("node 'y' (Einsum)", Refused(Node("y", "Einsum", ["a", "b"], ("equation", Text(equation))), Placeholder("a", [2, 4]), Constant("b", _test.Random(1, 4, 3))));

    /// <summary>A dilated convolution as TensorFlow 1 writes it.</summary>
    [Fact]
    public void ConvolutionBetweenSpaceToBatchAndBatchToSpace_IsADilatedOne()
    {
        var (x, kernel) = (_test.Random(1, 2, 7, 9, 3), _test.Random(1, 3, 3, 3, 4));
        var stretched = Tensor.Of(new float[5 * 5 * 12], 5, 5, 3, 4);
        for (var i = 0; i < kernel.Count; i++)
            stretched.Floats[(i / 36 * 2 * 5 + i / 12 % 3 * 2) * 12 + i % 12] = kernel.Floats[i];
        // "Same" padding is 2 on each side, and one more row and column make the sizes even.
        var graph = Import(
            Node("y", "BatchToSpaceND", ["conv", "block", "crops"]), Placeholder("x", x.Shape), Constant("w", kernel), Ints("block", [2, 2]), Ints("paddings", [2, 3, 2, 3], 2, 2), Ints("crops", [0, 1, 0, 1], 2, 2),
            Node("apart", "SpaceToBatchND", ["x", "block", "paddings"]), Node("conv", "Conv2D", ["apart", "w"], ("strides", List(1, 1, 1, 1)), ("padding", Text("VALID"))));
        ChannelsLastMath.AssertClose(ChannelsLastMath.Conv(x, stretched, null), KerasFileTests.Run(graph, x));
        AssertDilated(graph, 2, 2);
    }

    /// <summary>A mask for 70 steps is larger than what is folded while the file is read.</summary>
    [Fact]
    public void Fill_OfALargeShape_IsAConstant()
    {
        var x = _test.Random(1, 2, 70, 70);
        var graph = Import(Node("y", "AddV2", ["x", "mask"]), Placeholder("x", x.Shape), Ints("shape", [70, 70]), Constant("number", Tensor.Of([-2f], [])), Node("mask", "Fill", ["shape", "number"]));
        ChannelsLastMath.AssertClose(Tensor.Of(Array.ConvertAll(x.Floats, v => v - 2), x.Shape), KerasFileTests.Run(graph, x));
    }

    private static void AssertDilated(GraphSpec graph, params int[] dilations)
    {
        Assert.Equal(dilations, Assert.IsType<Conv>(Assert.Single(graph.Nodes, n => n.Op is Conv).Op).Window.Dilations);
        Assert.All(graph.Nodes, n => Assert.True(n.Op is Conv or Transpose or Add or Relu or Reshape or StridedSlice, n.Op.Type));
    }

    /// <summary>One axis, as the layers of temporal networks are written: with a second one of size 1 around the convolution.</summary>
    [Theory]
    [InlineData(4, 0, 0, 0)]
    [InlineData(2, 1, 0, 1)]
    [InlineData(0, 3, 1, 2)]
    public void ConvolutionOfOneAxisBetweenBlocks_IsADilatedOne(int before, int after, int cropBefore, int cropAfter)
    {
        var (x, kernel, bias) = (_test.Random(1, 2, 8, 3), _test.Random(1, 1, 3, 3, 4), _test.Random(1, 4));
        var block = (8 + before + after) % 2 == 0 ? 2 : 1;
        if (block == 1)
            (after, cropAfter, block) = (after + 1, cropAfter + 1, 2);
        var graph = Import(
            Node("y", "BatchToSpaceND", ["relu", "block", "crops"]), Placeholder("x", x.Shape), Constant("w", kernel), Constant("b", bias),
            Ints("block", [block]), Ints("paddings", [before, after], 1, 2), Ints("crops", [cropBefore, cropAfter], 1, 2), Ints("axis", [1], []),
            Node("apart", "SpaceToBatchND", ["x", "block", "paddings"]), Node("image", "ExpandDims", ["apart", "axis"]),
            Node("conv", "Conv2D", ["image", "w"], ("strides", List(1, 1, 1, 1)), ("padding", Text("VALID"))), Node("line", "Squeeze", ["conv"], ("squeeze_dims", List(1))),
            Node("biased", "BiasAdd", ["line", "b"]), Node("relu", "Relu", ["biased"]));
        var length = 8 + before + after - 4;
        var expected = from n in Enumerable.Range(0, 2) from t in Enumerable.Range(cropBefore, length - cropBefore - cropAfter) from o in Enumerable.Range(0, 4)
                       select MathF.Max(0, bias.Floats[o] + Enumerable.Range(0, 9).Sum(i => t + i / 3 * 2 - before is >= 0 and < 8 and var at ? x.Floats[(n * 8 + at) * 3 + i % 3] * kernel.Floats[i * 4 + o] : 0));
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 2, length - cropBefore - cropAfter, 4), KerasFileTests.Run(graph, x));
        AssertDilated(graph, 1, 2);
    }

    [Theory]
    [InlineData("SAME", 2, 3)]
    [InlineData("SAME", 3, 2)]
    [InlineData("VALID", 2, 3)]
    public void TransposedConvolution_OfEveryPadding_IsTheGradientOfOne(string padding, int stride, int size)
    {
        // Every output of the forward convolution passes what it is given back to the inputs it was made of.
        var (height, width) = padding == "SAME" ? (4 * stride, 5 * stride) : (3 * stride + size, 4 * stride + size);
        var (given, kernel) = (_test.Random(1, 1, 4, 5, 2), _test.Random(1, size, size, 3, 2));
        var expected = new float[height * width * 3];
        for (var i = 0; i < expected.Length; i++)
        {
            var unit = Tensor.Of(new float[height * width * 3], 1, height, width, 3);
            unit.Floats[i] = 1;
            expected[i] = ChannelsLastMath.Conv(unit, kernel, null, stride, padding == "SAME").Floats.Zip(given.Floats, (a, b) => a * b).Sum();
        }
        var graph = Import(Node("y", "Conv2DBackpropInput", ["size", "w", "x"], ("strides", List(1, stride, stride, 1)), ("padding", Text(padding))), Placeholder("x", given.Shape), Constant("w", kernel), Ints("size", [1, height, width, 3]));
        ChannelsLastMath.AssertClose(Tensor.Of(expected, 1, height, width, 3), KerasFileTests.Run(graph, given));
    }

    [Theory]
    [InlineData("ResizeBilinear", false, true)]
    [InlineData("ResizeBilinear", true, false)]
    [InlineData("ResizeBilinear", false, false)]
    [InlineData("ResizeNearestNeighbor", false, true)]
    [InlineData("ResizeNearestNeighbor", true, false)]
    [InlineData("ResizeNearestNeighbor", false, false)]
    public void Resize_OfEveryMode_TakesItsNeighbours(string op, bool align, bool half)
    {
        const int height = 4, width = 5, rows = 7, columns = 3;
        var x = _test.Random(1, 1, height, width, 1);
        var graph = Import(Node("y", op, ["x", "size"], ("align_corners", new() { B = align }), ("half_pixel_centers", new() { B = half })), Placeholder("x", x.Shape), Ints("size", [rows, columns]));
        double Source(int i, int input, int output)
        {
            var scale = align && output > 1 ? (input - 1.0) / (output - 1) : (double)input / output;
            return half && op == "ResizeBilinear" ? (i + 0.5) * scale - 0.5 : half ? (i + 0.5) * scale : i * scale;
        }
        double Pixel(double y, double column) => x.Floats[(int)Math.Clamp(y, 0, height - 1) * width + (int)Math.Clamp(column, 0, width - 1)];
        double At(int row, int column)
        {
            var (y, c) = (Source(row, height, rows), Source(column, width, columns));
            if (op != "ResizeBilinear")
                return align ? Pixel(Math.Round(y, MidpointRounding.AwayFromZero), Math.Round(c, MidpointRounding.AwayFromZero)) : Pixel(Math.Floor(y), Math.Floor(c));
            (y, c) = (Math.Max(y, 0), Math.Max(c, 0));
            var (top, left) = (Math.Floor(y), Math.Floor(c));
            double Row(double r) => Pixel(r, left) * (1 - (c - left)) + Pixel(r, left + 1) * (c - left);
            return Row(top) * (1 - (y - top)) + Row(top + 1) * (y - top);
        }
        var expected = from row in Enumerable.Range(0, rows) from column in Enumerable.Range(0, columns) select (float)At(row, column);
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 1, rows, columns, 1), KerasFileTests.Run(graph, x));
    }

    /// <summary>As Keras 2 traces its layer: the samples become channels of one image, which a batch-norm in training mode normalises.</summary>
    [Theory]
    [InlineData(new[] { 2, 3, 4 })]
    [InlineData(new[] { 3, 5 })]
    public void LayerNormalization_ByABatchNormOverSamples_NormalizesTheLastAxis(int[] shape)
    {
        const float epsilon = 1e-3f;
        var width = shape[^1];
        var (x, gamma, beta) = (_test.Random(2, shape), _test.Random(1, width), _test.Random(1, width));
        AttrValue first = new() { I = 1 };
        var nodes = new List<NodeDef>
        {
            Placeholder("x", shape), Node("shape", "Shape", ["x"]), Ints("one", [1], []), Constant("number_one", Tensor.Of([1f], [])), Constant("number_zero", Tensor.Of([0f], [])), Ints("step", [1]),
            Constant("none", Tensor.Of(Array.Empty<float>(), 0)), Constant("gamma", gamma), Constant("beta", beta),
        };
        var samples = "one";
        for (var i = 0; i < shape.Length; i++)
        {
            nodes.AddRange([Ints($"begin_{i}", [i]), Ints($"end_{i}", [i + 1]), Node($"size_{i}", "StridedSlice", ["shape", $"begin_{i}", $"end_{i}", "step"], ("shrink_axis_mask", first))]);
            if (i < shape.Length - 1)
            {
                nodes.Add(Node($"samples_{i}", "Mul", [samples, $"size_{i}"]));
                samples = $"samples_{i}";
            }
        }
        nodes.AddRange(
        [
            Node("image_shape", "Pack", ["one", samples, $"size_{shape.Length - 1}", "one"]), Node("image", "Reshape", ["x", "image_shape"]), Node("count", "Pack", [samples]),
            Node("ones", "Fill", ["count", "number_one"]), Node("zeros", "Fill", ["count", "number_zero"]),
            Node("norm", "FusedBatchNormV3", ["image", "ones", "zeros", "none", "none"], ("data_format", Text("NCHW")), ("is_training", new() { B = true }), ("epsilon", new() { F = epsilon })),
            Node("back", "Reshape", ["norm", "shape"]), Node("scaled", "Mul", ["back", "gamma"]), Node("y", "AddV2", ["scaled", "beta"]),
        ]);
        var expected = x.Floats.Chunk(width).SelectMany(row =>
        {
            var mean = row.Average(v => (double)v);
            var deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + epsilon);
            return row.Select((v, i) => (float)((v - mean) / deviation * gamma.Floats[i] + beta.Floats[i]));
        });
        var graph = Import([.. nodes]);
        Assert.Equal([-1, .. shape[1..]], graph.Outputs[0].Shape);
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], shape), KerasFileTests.Run(graph, x));
    }

    [Fact]
    public void ArgMax_IsTheIndexOfTheLargest()
    {
        var x = Tensor.Of([1f, 7, 3, 9, 2, 4], 2, 3);
        NodeDef[] Nodes(TfType type) => [Placeholder("x", x.Shape), Ints("axis", [-1], []), Node("y", "ArgMax", ["x", "axis"], ("output_type", new() { Type = (int)type }))];
        Assert.Equal([1L, 0], (long[])KerasFileTests.Run(Import(Nodes(TfType.Int64)), x).Data);
        Assert.Equal([1, 0], (int[])KerasFileTests.Run(Import(Nodes(TfType.Int32)), x).Data);
    }

    [Fact]
    public void ResponseNormalization_DividesByNeighbouringChannels()
    {
        var x = _test.Random(2, 2, 2, 3, 5);
        var graph = Import(Placeholder("x", x.Shape), Node("y", "LRN", ["x"], ("depth_radius", new() { I = 1 }), ("bias", new() { F = 1.5f }), ("alpha", new() { F = 0.3f }), ("beta", new() { F = 0.75f })));
        var expected = x.Floats.Chunk(5).SelectMany(pixel => pixel.Select((v, c) =>
            (float)(v / Math.Pow(1.5 + 0.3 * Enumerable.Range(c - 1, 3).Where(i => i is >= 0 and < 5).Sum(i => pixel[i] * pixel[i]), 0.75))));
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], x.Shape), KerasFileTests.Run(graph, x));
    }

    /// <summary>x + a row for every sample, and x + a column for every one of its own.</summary>
    [Fact]
    public void BroadcastTo_RepeatsForTheBatchAndWithinIt()
    {
        var x = Tensor.Of([1f, 2, 3, 4, 5, 6], 2, 3);
        NodeDef[] nodes =
        [
            Placeholder("x", x.Shape), Node("shape", "Shape", ["x"]), Constant("row", Tensor.Of([10f, 20, 30], 1, 3)), Node("rows", "BroadcastTo", ["row", "shape"]), Ints("axis", [1], []),
            Node("columns", "ExpandDims", ["x", "axis"]), Ints("begin", [0]), Ints("end", [1]), Ints("step", [1]), Node("batch", "StridedSlice", ["shape", "begin", "end", "step"], ("shrink_axis_mask", new() { I = 1 })),
            Ints("two", [2], []), Ints("three", [3], []), Node("twice", "Pack", ["batch", "two", "three"]), Node("both", "BroadcastTo", ["columns", "twice"]),
        ];
        Assert.Equal([11f, 22, 33, 14, 25, 36], KerasFileTests.Run(Import([.. nodes[..4], Node("y", "AddV2", ["x", "rows"])]), x).Floats);
        Assert.Equal([1f, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6], KerasFileTests.Run(Import([.. nodes[..2], .. nodes[4..], Node("y", "Relu", ["both"])]), x).Floats);
    }

    [Theory]
    [InlineData(-1, new[] { 5f, 5, 9, 9, 5, 5 })]
    [InlineData(1, new[] { 5f, 9, 5, 5, 9, 5 })]
    public void OneHot_AlongAnAxis_MarksTheIndex(int axis, float[] expected)
    {
        var graph = Import(Placeholder("x", [1, 2]), Node("indices", "Cast", ["x"], ("DstT", new() { Type = (int)TfType.Int32 })), Ints("depth", [3], []), Constant("on", Tensor.Of([9f], [])), Constant("off", Tensor.Of([5f], [])),
            Node("y", "OneHot", ["indices", "depth", "on", "off"], ("axis", new() { I = axis })));
        Assert.Equal(expected, KerasFileTests.Run(graph, Tensor.Of([2f, 0], 1, 2)).Floats);
    }

    [Fact]
    public void SpaceAndDepth_AreTraded()
    {
        var x = _test.Random(1, 2, 4, 6, 3);
        var deep = Tensor.Of([.. from n in Enumerable.Range(0, 2) from y in Enumerable.Range(0, 2) from column in Enumerable.Range(0, 3) from block in Enumerable.Range(0, 4) from c in Enumerable.Range(0, 3)
                                 select x.Floats[((n * 4 + y * 2 + block / 2) * 6 + column * 2 + block % 2) * 3 + c]], 2, 2, 3, 12);
        GraphSpec Traded(string op, Tensor of) => Import(Placeholder("x", of.Shape), Node("y", op, ["x"], ("block_size", new() { I = 2 })));
        ChannelsLastMath.AssertClose(deep, KerasFileTests.Run(Traded("SpaceToDepth", x), x));
        ChannelsLastMath.AssertClose(x, KerasFileTests.Run(Traded("DepthToSpace", deep), deep));
    }

    /// <summary>256 steps for the range [-1, 3], which is moved until 0 is the 64th: [-64, 191] * 4 / 255.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FakeQuantization_RoundsToSteps(bool perChannel)
    {
        const double wide = 4 / 255.0, narrow = 6 / 254.0;
        var x = Tensor.Of([-2f, -2, 0.0001f, 0.0001f, 0.3f, 0.3f, 1, 7], 4, 2);
        var graph = Import(
            Placeholder("x", x.Shape), Constant("low", perChannel ? Tensor.Of([-1f, 0], 2) : Tensor.Of([-1f], [])), Constant("high", perChannel ? Tensor.Of([1f, 6], 2) : Tensor.Of([3f], [])),
            Node("y", perChannel ? "FakeQuantWithMinMaxVarsPerChannel" : "FakeQuantWithMinMaxVars", ["x", "low", "high"], ("num_bits", new() { I = 8 }), ("narrow_range", new() { B = perChannel })));
        double[] expected = perChannel
            // 255 steps: 0 is in the middle of the first channel's, and the first of the second's.
            ? [-1, 0, 0, 0, 38 * 2 / 254.0, 13 * narrow, 1, 6]
            : [-64 * wide, -64 * wide, 0, 0, 19 * wide, 19 * wide, 64 * wide, 191 * wide];
        ChannelsLastMath.AssertClose(Tensor.Of(Array.ConvertAll(expected, v => (float)v), 4, 2), KerasFileTests.Run(graph, x));
    }

    /// <summary>sign(x) + cos(x) / sin(x) where sin(x) is not 0.</summary>
    [Fact]
    public void Functions_OfOneNumber_AreThoseOfTheGraph()
    {
        var x = Tensor.Of([-2f, 0, 0.5f], 1, 3);
        var graph = Import(Placeholder("x", x.Shape), Node("checked", "CheckNumerics", ["x"]), Node("sign", "Sign", ["checked"]), Node("cos", "Cos", ["x"]), Node("sin", "Sin", ["x"]),
            Node("quotient", "DivNoNan", ["cos", "sin"]), Node("y", "AddV2", ["sign", "quotient"]));
        ChannelsLastMath.AssertClose(Tensor.Of([(float)(-1 + 1 / Math.Tan(-2)), 0, (float)(1 + 1 / Math.Tan(0.5))], 1, 3), KerasFileTests.Run(graph, x));
    }

    /// <summary>Rows of a variable, by whole numbers.</summary>
    [Fact]
    public void Embedding_OfTensorFlow2_PicksRowsOfItsVariable()
    {
        var table = _test.Random(1, 7, 3);
        var meta = new MetaGraphDef { MetaInfoDef = new(), GraphDef = new() };
        meta.MetaInfoDef.Tags.Add("serve");
        meta.GraphDef.Node.AddRange(
        [
            Node("words", "Placeholder", []), Node("table", "VarHandleOp", []), Node("rows", "ResourceGather", ["table", "words"], ("batch_dims", new() { I = 0 })), Node("y", "Identity", ["rows"]),
        ]);
        var signature = new SignatureDef();
        signature.Inputs.Add("words", new() { Name = "words:0", Dtype = (int)TfType.Int32, TensorShape = BundleWriter.Shape([-1, 2]) });
        signature.Outputs.Add("y", new() { Name = "y:0" });
        meta.SignatureDef.Add("serving_default", signature);
        var model = new SavedModel { SavedModelSchemaVersion = 1 };
        model.MetaGraphs.Add(meta);
        var (index, data) = BundleWriter.Write([KeyValuePair.Create("table", table)]);
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, (model.ToByteArray(), index, data));
        var words = Tensor.Of([6, 0, 2, 6], 2, 2);
        float[] expected = [.. new[] { 6, 0, 2, 6 }.SelectMany(w => table.Floats[(3 * w)..(3 * w + 3)])];
        Assert.Equal(expected, KerasFileTests.Run(ModelImporter.Load(folder.Path), words).Floats);
    }

    /// <summary>What these operators are made of is arithmetic on shapes and margins from the file.</summary>
    [Fact]
    public void MutatedOperators_FiveThousandTimes_AlwaysGiveAGraphOrARefusal()
    {
        var whole = Bytes(
        [
            Placeholder("x", [1, 6, 7, 2]), Ints("size", [8, 8]), Node("larger", "ResizeBilinear", ["x", "size"], ("half_pixel_centers", new() { B = true })),
            Ints("block", [2, 2]), Ints("paddings", [2, 2, 2, 2], 2, 2), Ints("crops", [1, 0, 0, 1], 2, 2), Constant("w", _test.Random(1, 3, 3, 2, 4)),
            Node("apart", "SpaceToBatchND", ["larger", "block", "paddings"]), Node("conv", "Conv2D", ["apart", "w"], ("strides", List(1, 1, 1, 1)), ("padding", Text("VALID"))),
            Node("whole", "BatchToSpaceND", ["conv", "block", "crops"]), Constant("v", _test.Random(1, 4, 3, 2)), Node("y", "Einsum", ["whole", "v"], ("equation", Text("abcd,def->abcef"))),
        ]);
        Assert.Null(DamagedFile.LoadOrRefuse("sound.pb", whole));
        foreach (var bytes in Mutations.Of(whole, 5_000))
            DamagedFile.LoadOrRefuse("bad.pb", bytes);
    }

    /// <summary>The sum over every assignment of numbers to the letters.</summary>
    private static Tensor Naive(string equation, Tensor a, Tensor b)
    {
        var parts = equation.Split([",", "->"], StringSplitOptions.None);
        var sizes = parts[0].Zip(a.Shape).Concat(parts[1].Zip(b.Shape)).DistinctBy(p => p.First).ToDictionary(p => p.First, p => p.Second);
        var labels = sizes.Keys.ToArray();
        int[] shape = [.. parts[2].Select(c => sizes[c])];
        var result = new double[shape.Aggregate(1, (x, y) => x * y)];
        var total = sizes.Values.Aggregate(1, (x, y) => x * y);
        for (var i = 0; i < total; i++)
        {
            var (rest, at) = (i, new Dictionary<char, int>());
            foreach (var label in labels)
                (at[label], rest) = (rest % sizes[label], rest / sizes[label]);
            int Index(string axes) => axes.Aggregate(0, (index, c) => index * sizes[c] + at[c]);
            result[Index(parts[2])] += (double)a.Floats[Index(parts[0])] * b.Floats[Index(parts[1])];
        }
        return Tensor.Of(Array.ConvertAll(result, v => (float)v), shape);
    }
}
