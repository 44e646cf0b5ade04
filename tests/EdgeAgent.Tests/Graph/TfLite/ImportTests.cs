using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Operators that the exporter does not write, or not so, by their definitions.</summary>
public class ImportTests
{
    private readonly TestGraph _random = new(6);

    [Theory]
    [InlineData(true, 2, 3)]
    [InlineData(true, 3, 2)]
    [InlineData(false, 2, 3)]
    public void TransposedConvolution_OfEveryPadding_SpreadsTheKernel(bool same, int stride, int size)
    {
        // [h, w, outputs, inputs] in Keras, [outputs, h, w, inputs] here.
        var (x, kernel, bias) = (_random.Random(1, 1, 4, 5, 3), _random.Random(1, size, size, 2, 3), _random.Random(1, 2));
        var filter = Tensor.Of([.. from o in Enumerable.Range(0, 2) from i in Enumerable.Range(0, size * size) from c in Enumerable.Range(0, 3) select kernel.Floats[(i * 2 + o) * 3 + c]], 2, size, size, 3);
        var expected = AttentionLayerTests.Enlarged(x, kernel, bias, stride, same);
        var graph = Import(x.Shape, expected.Shape, "TRANSPOSE_CONV", new(TfLiteTable.TransposeConv, (0, (byte)(same ? 0 : 1)), (1, stride), (2, stride)), (file, input) =>
            [file.Constant("size", Tensor.Of(expected.Shape, 4)), file.Constant("filter", filter), input, file.Constant("bias", bias)]);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(graph, x));
    }

    [Fact]
    public void SpaceAndDepth_AreTraded()
    {
        var x = _random.Random(1, 1, 4, 6, 8);
        var deep = Tensor.Of([.. from y in Enumerable.Range(0, 2) from column in Enumerable.Range(0, 3) from block in Enumerable.Range(0, 4) from c in Enumerable.Range(0, 8)
                                 select x.Floats[((y * 2 + block / 2) * 6 + column * 2 + block % 2) * 8 + c]], 1, 2, 3, 32);
        ChannelsLastMath.AssertClose(deep, KerasFileTests.Run(Import(x.Shape, deep.Shape, "SPACE_TO_DEPTH", new((TfLiteTable)91, (0, 2)), (_, input) => [input]), x));
        ChannelsLastMath.AssertClose(x, KerasFileTests.Run(Import(deep.Shape, x.Shape, "DEPTH_TO_SPACE", new((TfLiteTable)94, (0, 2)), (_, input) => [input]), deep));
    }

    [Theory]
    [InlineData(0, new[] { 2, 1, 0, 1, 2, 3, 2 })]
    [InlineData(1, new[] { 1, 0, 0, 1, 2, 3, 3 })]
    public void MirrorPad_OfEitherMode_RepeatsTheEdge(byte mode, int[] picked)
    {
        var x = _random.Random(1, 1, 4, 2);
        var expected = Tensor.Of([.. picked.SelectMany(i => x.Floats.AsSpan(2 * i, 2).ToArray())], 1, 7, 2);
        var graph = Import(x.Shape, expected.Shape, "MIRROR_PAD", new((TfLiteTable)77, (0, mode)), (file, input) => [input, file.Constant("pads", Tensor.Of([0, 0, 2, 1, 0, 0], 3, 2))]);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(graph, x));
    }

    [Fact]
    public void UnitLength_IsThatOfTheLastAxis()
    {
        var x = _random.Random(1, 1, 3, 5);
        var expected = Tensor.Of([.. x.Floats.Chunk(5).SelectMany(row => row.Select(v => v / MathF.Sqrt(row.Sum(r => r * r))))], 1, 3, 5);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(Import(x.Shape, x.Shape, "L2_NORMALIZATION", null, (_, input) => [input]), x));
    }

    [Fact]
    public void Reverse_TurnsTheAxis()
    {
        var graph = Import([1, 3, 2], [1, 3, 2], "REVERSE_V2", null, (file, input) => [input, file.Constant("axes", Tensor.Of([1], 1))]);
        Assert.Equal([5f, 6, 3, 4, 1, 2], KerasFileTests.Run(graph, Tensor.Of([1f, 2, 3, 4, 5, 6], 1, 3, 2)).Floats);
    }

    [Fact]
    public void ResponseNormalization_DividesByNeighbouringChannels()
    {
        var x = _random.Random(2, 1, 2, 1, 5);
        var graph = Import(x.Shape, x.Shape, "LOCAL_RESPONSE_NORMALIZATION", new((TfLiteTable)13, (0, 1), (1, 1.5f), (2, 0.3f), (3, 0.75f)), (_, input) => [input]);
        var expected = x.Floats.Chunk(5).SelectMany(row => row.Select((v, c) =>
            (float)(v / Math.Pow(1.5 + 0.3 * Enumerable.Range(c - 1, 3).Where(i => i is >= 0 and < 5).Sum(i => row[i] * row[i]), 0.75))));
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], x.Shape), KerasFileTests.Run(graph, x));
    }

    [Theory]
    [InlineData(-1, new[] { 2f, 2, 9, 9, 2, 2 })]
    [InlineData(1, new[] { 2f, 9, 2, 2, 9, 2 })]
    public void OneHot_AlongAnAxis_MarksTheIndex(int axis, float[] expected)
    {
        var graph = Import([1, 2], axis < 0 ? [1, 2, 3] : [1, 3, 2], "ONE_HOT", new((TfLiteTable)61, (0, axis)),
            (file, input) => [input, file.Constant("depth", Tensor.Of([3], [])), file.Constant("on", Tensor.Of([9f], [])), file.Constant("off", Tensor.Of([2f], []))], ElementType.Int32);
        Assert.Equal(expected, KerasFileTests.Run(graph, Tensor.Of([2, 0], 1, 2)).Floats);
    }

    [Fact]
    public void EmbeddingLookup_PicksRows()
    {
        var table = _random.Random(1, 5, 3);
        var graph = Import([2], [2, 3], "EMBEDDING_LOOKUP", null, (file, input) => [input, file.Constant("table", table)], ElementType.Int32);
        float[] expected = [.. table.Floats[12..15], .. table.Floats[3..6]];
        Assert.Equal(expected, KerasFileTests.Run(graph, Tensor.Of([4, 1], 2)).Floats);
    }

    /// <summary>
    /// A convolution between images taken apart and put together is a dilated one. "Same" padding is 2 on each side, and one more row and
    /// column make the sizes even; with crops of its own, less is left.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void ConvolutionBetweenBlocks_IsADilatedOne(int crop)
    {
        var (x, kernel, bias) = (_random.Random(1, 1, 7, 9, 3), _random.Random(1, 3, 3, 3, 4), _random.Random(1, 4));
        var stretched = Tensor.Of(new float[5 * 5 * 12], 5, 5, 3, 4);
        for (var i = 0; i < kernel.Count; i++)
            stretched.Floats[(i / 36 * 2 * 5 + i / 12 % 3 * 2) * 12 + i % 12] = kernel.Floats[i];
        var whole = ChannelsLastMath.Conv(x, stretched, bias);
        var expected = from row in Enumerable.Range(crop, 7 - crop) from column in Enumerable.Range(0, 9) from c in Enumerable.Range(0, 4) select MathF.Max(0, whole.Floats[(row * 9 + column) * 4 + c]);
        var graph = Blocks(x, crop, "CONV_2D", kernel, bias, new(TfLiteTable.Conv2D, (0, (byte)1), (1, 1), (2, 1), (3, (byte)1)));
        var computed = KerasFileTests.Run(graph, x);
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 1, 7 - crop, 9, 4), computed);
        Assert.Equal([2, 2], Assert.IsType<Conv>(Assert.Single(graph.Nodes, n => n.Op is Conv).Op).Window.Dilations);
        Assert.Equal(-1, graph.Inputs[0].Shape[0]);
    }

    /// <summary>Without a convolution in between the images come together as they were, for any batch.</summary>
    [Fact]
    public void Blocks_TakenApartAndPutTogether_AreTheImage()
    {
        var graph = Blocks(_random.Random(1, 1, 7, 9, 3), 0, null, null, null, null);
        var x = _random.Random(1, 2, 7, 9, 3);
        ChannelsLastMath.AssertClose(Tensor.Of([.. x.Floats.Select(v => MathF.Max(0, v))], x.Shape), KerasFileTests.Run(graph, x));
    }

    /// <summary>Blocks of 2 x 2 of an image of 7 x 9 with margins of 2 and 3 around it.</summary>
    private static GraphSpec Blocks(Tensor x, int crop, string? op, Tensor? kernel, Tensor? bias, TfLiteOptions? options)
    {
        var file = new TfLiteFileBuilder();
        var (input, block, margins) = (file.Value("x", ElementType.Float32, x.Shape, null), file.Constant("block", Tensor.Of([2, 2], 2)), file.Constant("margins", Tensor.Of([2, 3, 2, 3], 2, 2)));
        var apart = file.Value("apart", ElementType.Float32, [4, 6, 7, 3], null);
        file.Operator("SPACE_TO_BATCH_ND", [input, block, margins], [apart]);
        int computed, crops;
        if (op is not null)
        {
            // [outputs, h, w, inputs]
            var filter = Tensor.Of([.. from o in Enumerable.Range(0, 4) from i in Enumerable.Range(0, 27) select kernel!.Floats[i * 4 + o]], 4, 3, 3, 3);
            computed = file.Value("computed", ElementType.Float32, [4, 4, 5, 4], null);
            crops = file.Constant("crops", Tensor.Of([crop, 1, 0, 1], 2, 2));
            file.Operator(op, [apart, file.Constant("filter", filter), file.Constant("bias", bias!)], [computed], options);
        }
        else
        {
            (computed, crops) = (file.Value("computed", ElementType.Float32, [4, 6, 7, 3], null), margins);
            file.Operator("RELU", [apart], [computed]);
        }
        var y = file.Value("y", ElementType.Float32, op is null ? x.Shape : [1, 7 - crop, 9, 4], null);
        file.Operator("BATCH_TO_SPACE_ND", [computed, block, crops], [y]);
        return Load(file, input, y);
    }

    /// <summary>x + 2 * range(0, rank(x), 1) + zeros_like(x), the 2 from a fill: all but x is known at import.</summary>
    [Fact]
    public void ConstantsComputedFromShapes_AreKnown()
    {
        var file = new TfLiteFileBuilder();
        int Value(string name, ElementType type, params int[] shape) => file.Value(name, type, shape, null);
        int Constant(string name, Tensor tensor) => file.Constant(name, tensor);
        var (x, y) = (Value("x", ElementType.Float32, 1, 2, 3), Value("y", ElementType.Float32, 1, 2, 3));
        var (rank, range, numbers, two, twice, zeros, sum) = (Value("rank", ElementType.Int32), Value("range", ElementType.Int32, 3), Value("numbers", ElementType.Float32, 3), Value("two", ElementType.Float32, 3),
            Value("twice", ElementType.Float32, 3), Value("zeros", ElementType.Float32, 1, 2, 3), Value("sum", ElementType.Float32, 1, 2, 3));
        file.Operator("RANK", [x], [rank]);
        file.Operator("RANGE", [Constant("from", Tensor.Of([0], [])), rank, Constant("by", Tensor.Of([1], []))], [range]);
        file.Operator("CAST", [range], [numbers]);
        file.Operator("FILL", [Constant("size", Tensor.Of([3], 1)), Constant("number", Tensor.Of([2f], []))], [two]);
        file.Operator("MUL", [numbers, two], [twice], new(TfLiteTable.Mul));
        file.Operator("ZEROS_LIKE", [x], [zeros]);
        file.Operator("ADD", [x, zeros], [sum], new(TfLiteTable.Add));
        file.Operator("ADD", [sum, twice], [y], new(TfLiteTable.Add));
        var graph = Load(file, x, y);
        Assert.Equal([10f, 12, 14, 20, 22, 24], KerasFileTests.Run(graph, Tensor.Of([10f, 10, 10, 20, 20, 20], 1, 2, 3)).Floats);
    }

    [Theory]
    [InlineData(false, false, new[] { 1f, 2, 4, 6, 9, 12 })]
    [InlineData(true, false, new[] { 0f, 0, 1, 2, 4, 6 })]
    [InlineData(false, true, new[] { 9f, 12, 8, 10, 5, 6 })]
    [InlineData(true, true, new[] { 8f, 10, 5, 6, 0, 0 })]
    public void CumulativeSum_OfEitherDirection_AddsUp(bool exclusive, bool reverse, float[] expected)
    {
        var graph = Import([1, 3, 2], [1, 3, 2], "CUMSUM", new((TfLiteTable)102, (0, exclusive), (1, reverse)), (file, input) => [input, file.Constant("axis", Tensor.Of([1], []))]);
        Assert.Equal(expected, KerasFileTests.Run(graph, Tensor.Of([1f, 2, 3, 4, 5, 6], 1, 3, 2)).Floats);
    }

    [Fact]
    public void QuotientAndRemainder_AreRoundedDown()
    {
        var x = Tensor.Of([7f, -7, 6, 0.5f], 1, 4);
        Func<TfLiteFileBuilder, int, int[]> by2 = (file, input) => [input, file.Constant("by", Tensor.Of([2f], []))];
        Assert.Equal([3f, -4, 3, 0], KerasFileTests.Run(Import([1, 4], [1, 4], "FLOOR_DIV", null, by2), x).Floats);
        Assert.Equal([1f, 1, 0, 0.5f], KerasFileTests.Run(Import([1, 4], [1, 4], "FLOOR_MOD", null, by2), x).Floats);
        var whole = Import([1, 4], [1, 4], "FLOOR_MOD", null, (file, input) => [input, file.Constant("by", Tensor.Of([-3], []))], ElementType.Int32, ElementType.Int32);
        Assert.Equal([-2, -1, 0, 0], (int[])KerasFileTests.Run(whole, Tensor.Of([7, -7, 6, 0], 1, 4)).Data);
    }

    [Theory]
    [InlineData("REDUCE_ALL", new[] { true, false, false })]
    [InlineData("REDUCE_ANY", new[] { true, true, false })]
    public void Conditions_AreJoined(string op, bool[] expected)
    {
        var graph = Import([3, 2], [3], op, new(TfLiteTable.Reducer), (file, input) => [input, file.Constant("axis", Tensor.Of([1], 1))], ElementType.Bool, ElementType.Bool);
        Assert.Equal(expected, (bool[])KerasFileTests.Run(graph, Tensor.Of([true, true, true, false, false, false], 3, 2)).Data);
    }

    [Fact]
    public void SmallestElement_IsFoundByItsIndex()
    {
        var graph = Import([1, 4], [1], "ARG_MIN", null, (file, input) => [input, file.Constant("axis", Tensor.Of([1], []))], output: ElementType.Int64);
        Assert.Equal([2L], (long[])KerasFileTests.Run(graph, Tensor.Of([3f, 1, -2, 5], 1, 4)).Data);
    }

    /// <summary>The shape of a single number is a constant without elements.</summary>
    [Fact]
    public void Reshape_ToASingleNumber_IsRead()
    {
        var graph = Import([1, 1], [], "RESHAPE", new(TfLiteTable.Reshape), (file, input) => [input, file.Constant("shape", Tensor.Of(Array.Empty<int>(), 0))]);
        Assert.Equal([2.5f], KerasFileTests.Run(graph, Tensor.Of([2.5f], 1, 1)).Floats);
    }

    private static GraphSpec Import(int[] from, int[] to, string op, TfLiteOptions? options, Func<TfLiteFileBuilder, int, int[]> inputs, ElementType input = ElementType.Float32, ElementType output = ElementType.Float32)
    {
        var file = new TfLiteFileBuilder();
        var x = file.Value("x", input, from, null);
        var operands = inputs(file, x);
        var y = file.Value("y", output, to, null);
        file.Operator(op, operands, [y], options);
        return Load(file, x, y);
    }

    private static GraphSpec Load(TfLiteFileBuilder file, int x, int y)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.tflite"), file.ToBytes("test", [x], [y], new Dictionary<string, string>()));
        return ModelImporter.Load(folder.File("model.tflite"));
    }
}
