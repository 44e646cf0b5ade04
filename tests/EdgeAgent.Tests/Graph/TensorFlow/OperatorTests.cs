using System.Runtime.InteropServices;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;
using Google.Protobuf;

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
    [InlineData("...ab,bc->...ac")]
    [InlineData("aab,bc->ac")]
    [InlineData("ab,cd->abc")]
    public void Einsum_ThatIsNoProduct_IsRefusedByNode(string equation) =>
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

    private static GraphSpec Import(params NodeDef[] nodes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("graph.pb"), Bytes(nodes));
        return ModelImporter.Load(folder.File("graph.pb"));
    }

    private static string Refused(params NodeDef[] nodes) => DamagedFile.LoadOrRefuse("graph.pb", Bytes(nodes)) ?? throw new Xunit.Sdk.XunitException("the graph was accepted");

    private static byte[] Bytes(NodeDef[] nodes)
    {
        var graph = new GraphDef();
        graph.Node.AddRange(nodes);
        return graph.ToByteArray();
    }

    private static NodeDef Placeholder(string name, int[] shape) =>
        Node(name, "Placeholder", [], ("dtype", new() { Type = (int)TfType.Float }), ("shape", new() { Shape = BundleWriter.Shape([-1, .. shape[1..]]) }));

    private static NodeDef Constant(string name, Tensor value) => Node(name, "Const", [], ("value", new()
    {
        Tensor = new() { Dtype = (int)TfType.Float, TensorShape = BundleWriter.Shape(value.Shape), TensorContent = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(value.Floats)) },
    }));

    private static NodeDef Ints(string name, int[] values, params int[] shape)
    {
        var tensor = new TensorProto { Dtype = (int)TfType.Int32, TensorShape = BundleWriter.Shape(shape.Length > 0 ? shape : [values.Length]) };
        tensor.IntVal.AddRange(values);
        return Node(name, "Const", [], ("value", new() { Tensor = tensor }));
    }

    private static AttrValue Text(string text) => new() { S = ByteString.CopyFromUtf8(text) };

    private static AttrValue List(params long[] values)
    {
        var list = new AttrValue.Types.ListValue();
        list.I.AddRange(values);
        return new() { List = list };
    }

    private static NodeDef Node(string name, string op, string[] inputs, params (string Name, AttrValue Value)[] attributes)
    {
        var node = new NodeDef { Name = name, Op = op };
        node.Input.AddRange(inputs);
        foreach (var (attribute, value) in attributes)
            node.Attr.Add(attribute, value);
        return node;
    }
}
