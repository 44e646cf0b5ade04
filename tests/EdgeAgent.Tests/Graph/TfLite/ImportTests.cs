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

    /// <summary>The shape of a single number is a constant without elements.</summary>
    [Fact]
    public void Reshape_ToASingleNumber_IsRead()
    {
        var graph = Import([1, 1], [], "RESHAPE", new(TfLiteTable.Reshape), (file, input) => [input, file.Constant("shape", Tensor.Of(Array.Empty<int>(), 0))]);
        Assert.Equal([2.5f], KerasFileTests.Run(graph, Tensor.Of([2.5f], 1, 1)).Floats);
    }

    private static GraphSpec Import(int[] from, int[] to, string op, TfLiteOptions? options, Func<TfLiteFileBuilder, int, int[]> inputs)
    {
        var file = new TfLiteFileBuilder();
        var x = file.Value("x", ElementType.Float32, from, null);
        var operands = inputs(file, x);
        var y = file.Value("y", ElementType.Float32, to, null);
        file.Operator(op, operands, [y], options);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.tflite"), file.ToBytes("test", [x], [y], new Dictionary<string, string>()));
        return ModelImporter.Load(folder.File("model.tflite"));
    }
}
