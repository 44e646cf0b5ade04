using EdgeAgent.Graph.Import.TensorFlow;
using Google.Protobuf;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>Broken and foreign TensorFlow files: a graph or a refusal in one line that names the file and the place, never anything else.</summary>
public class BadFileTests
{
    private static readonly SmallNetwork _network = new(seed: 1);
    private static readonly byte[] _frozen = TensorFlowFile.FrozenGraph(_network);
    private static readonly (byte[] Graph, byte[] Index, byte[] Data) _saved = TensorFlowFile.SavedModel(_network, WeightStorage.ResourceVariables);

    [Fact]
    public void MutatedGraph_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        foreach (var bytes in Mutations.Of(_frozen, 20_000))
            DamagedFile.LoadOrRefuse("bad.pb", bytes);
    }

    /// <summary>Half of them in the graph, a quarter anywhere in the index, and a quarter in its entries under sound checksums.</summary>
    [Fact]
    public void MutatedSavedModel_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, _saved);
        foreach (var bytes in Mutations.Of(_saved.Graph, 10_000))
            Load(folder, "saved_model.pb", bytes);
        File.WriteAllBytes(folder.File("saved_model.pb"), _saved.Graph);
        foreach (var bytes in Mutations.Of(_saved.Index, 5_000))
            Load(folder, "variables/variables.index", bytes);
        var entries = SortedTable.Read(_saved.Index).Select(e => (e.Key, e.Value.ToArray())).ToList();
        var random = new Random(1);
        foreach (var bytes in Enumerable.Range(0, 5_000))
        {
            var mutated = entries.ToList();
            var at = random.Next(entries.Count);
            mutated[at] = (entries[at].Key, Mutations.Of(entries[at].Item2, 1, seed: bytes).Single());
            Load(folder, "variables/variables.index", BundleWriter.Table(mutated));
        }
    }

    [Fact]
    public void TruncatedFiles_AtAnyByte_AreRefused()
    {
        var random = new Random(1);
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, _saved);
        for (var i = 0; i < 100; i++)
        {
            DamagedFile.LoadOrRefuse("cut.pb", _frozen[..random.Next(_frozen.Length)]);
            Load(folder, "saved_model.pb", _saved.Graph[..random.Next(_saved.Graph.Length)]);
        }
        File.WriteAllBytes(folder.File("saved_model.pb"), _saved.Graph);
        for (var i = 0; i < 100; i++)
        {
            Assert.Contains("variables.index", Load(folder, "variables/variables.index", _saved.Index[..random.Next(_saved.Index.Length)]));
            File.WriteAllBytes(folder.File("variables/variables.index"), _saved.Index);
            Assert.Contains("shard 0", Load(folder, "variables/variables.data-00000-of-00001", _saved.Data[..random.Next(_saved.Data.Length)]));
            File.WriteAllBytes(folder.File("variables/variables.data-00000-of-00001"), _saved.Data);
        }
    }

    [Fact]
    public void DamagedVariable_IsRefusedByItsNameAndPlace()
    {
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, _saved);
        var data = _saved.Data.ToArray();
        data[^1] ^= 1;
        var message = Load(folder, "variables/variables.data-00000-of-00001", data);
        Assert.Contains("variable 'layers/", message);
        Assert.Contains("checksum", message);
    }

    [Theory]
    [InlineData("variables/variables.index", "variables/variables.index is missing")]
    [InlineData("variables/variables.data-00000-of-00001", "variables.data-00000-of-00001, which is missing")]
    [InlineData("saved_model.pb", "without saved_model.pb")]
    public void MissingFile_IsRefusedByName(string file, string says)
    {
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, _saved);
        File.Delete(folder.File(file));
        Assert.Contains(says, DamagedFile.LoadOrRefuse(folder.Path));
    }

    [Fact]
    public void UnsupportedOperator_IsRefusedByName()
    {
        var message = Refused(Node("y", "BesselI0e", "x"));
        Assert.Contains("node 'y' (BesselI0e): the operator is not supported; ", message);
        Assert.InRange(message.Length, 0, 400);
    }

    [Fact]
    public void IndexOutsideAConstantTable_IsRefusedByNode()
    {
        static NodeDef Constant(string name, int type, Action<TensorProto> fill, params int[] shape)
        {
            var (constant, tensor) = (Node(name, "Const"), new TensorProto { Dtype = type, TensorShape = BundleWriter.Shape(shape) });
            fill(tensor);
            constant.Attr.Add("value", new() { Tensor = tensor });
            return constant;
        }
        // Too large to be folded: the table is weights.
        var table = Constant("table", (int)TfType.Float, t => t.FloatVal.Add(1), 5000, 4);
        var message = Refused(table, Constant("row", (int)TfType.Int32, t => t.IntVal.Add(5000)), Node("picked", "Gather", "table", "row"), Node("y", "AddV2", "x", "picked"));
        Assert.Contains("node 'picked' (Gather)", message);
        Assert.Contains("5000", message);
    }

    [Fact]
    public void Cycle_IsRefused() => Assert.Contains("cycle", Refused(Node("a", "AddV2", "x", "b"), Node("b", "Relu", "a"), Node("y", "Relu", "b")));

    [Fact]
    public void GraphWithoutEnd_IsRefused() => Assert.Contains("no output", Refused(Node("a", "AddV2", "x", "b"), Node("b", "Relu", "a")));

    [Fact]
    public void UndefinedInput_IsRefusedByNode() => Assert.Contains("node 'y' (Relu): reads 'nowhere'", Refused(Node("y", "Relu", "nowhere")));

    [Fact]
    public void TwoNodesOfOneName_AreRefused() => Assert.Contains("same name", Refused(Node("y", "Relu", "x"), Node("y", "Tanh", "x")));

    /// <summary>A chain far deeper than a stack: the walk keeps its own.</summary>
    [Fact]
    public void DeepChain_IsWalked() =>
        Assert.Null(DamagedFile.LoadOrRefuse("deep.pb", Graph([.. Enumerable.Range(0, 20_000).Select(i => Node($"n{i}", "Relu", i == 0 ? "x" : $"n{i - 1}"))])));

    [Fact]
    public void FunctionsThatCallThemselvesOrOneAnotherWithoutEnd_AreRefused()
    {
        Assert.Contains("recursion", Refused(Library(("f", [Node("inner", "PartitionedCall", "a").Calling("f")], "inner")), Node("y", "PartitionedCall", "x").Calling("f")));
        // Each calls the next twice: 2^30 calls in sixty nodes.
        var library = Library([.. Enumerable.Range(0, 30).Select(i => ($"f{i}", i == 29
            ? new[] { Node("n0", "Relu", "a"), Node("n1", "Relu", "n0:activations:0") }
            : [Node("n0", "PartitionedCall", "a").Calling($"f{i + 1}"), Node("n1", "PartitionedCall", "n0:output:0").Calling($"f{i + 1}")], "n1"))]);
        Assert.Contains("65536 nodes", Refused(library, Node("y", "PartitionedCall", "x").Calling("f0")));
    }

    [Theory]
    [InlineData(1L << 31)]
    [InlineData(int.MaxValue)]
    [InlineData(long.MaxValue)]
    public void AbsurdConstant_IsRefusedBeforeAnythingIsAllocated(long size)
    {
        var constant = Node("c", "Const");
        var tensor = new TensorProto { Dtype = (int)TfType.Float, TensorShape = new() };
        tensor.TensorShape.Dim.Add(new TensorShapeProto.Types.Dim { Size = size });
        tensor.FloatVal.Add(1);
        constant.Attr.Add("value", new() { Tensor = tensor });
        Assert.Contains("node 'c' (Const)", Refused(constant, Node("y", "AddV2", "x", "c")));
    }

    [Fact]
    public void AbsurdInput_IsRefusedByName()
    {
        var input = Node("image", "Placeholder");
        input.Attr.Add("dtype", new() { Type = (int)TfType.Float });
        input.Attr.Add("shape", new() { Shape = BundleWriter.Shape([-1, int.MaxValue, int.MaxValue]) });
        var graph = new GraphDef();
        graph.Node.AddRange([input, Node("y", "Relu", "image")]);
        Assert.Contains("'image'", DamagedFile.LoadOrRefuse("large.pb", graph.ToByteArray()));
    }

    [Theory]
    [InlineData("graph.onnx")]
    [InlineData("graph.h5")]
    [InlineData("graph")]
    public void WrongExtension_IsReadByContent(string name) => Assert.Null(DamagedFile.LoadOrRefuse(name, _frozen));

    private static string? Load(TemporaryFolder folder, string file, byte[] bytes)
    {
        File.WriteAllBytes(folder.File(file), bytes);
        return DamagedFile.LoadOrRefuse(folder.Path);
    }

    private static NodeDef Node(string name, string op, params string[] inputs)
    {
        var node = new NodeDef { Name = name, Op = op };
        node.Input.AddRange(inputs);
        return node;
    }

    private static FunctionDefLibrary Library(params (string Name, NodeDef[] Nodes, string Result)[] functions)
    {
        var library = new FunctionDefLibrary();
        foreach (var (name, nodes, result) in functions)
        {
            var function = new FunctionDef { Signature = new() { Name = name } };
            function.Signature.InputArg.Add(new OpDef.Types.ArgDef { Name = "a" });
            function.Signature.OutputArg.Add(new OpDef.Types.ArgDef { Name = "r" });
            function.NodeDef.AddRange(nodes);
            function.Ret.Add("r", result + ":output:0");
            library.Function.Add(function);
        }
        return library;
    }

    private static string Refused(params NodeDef[] nodes) => Refused(new FunctionDefLibrary(), nodes);

    private static string Refused(FunctionDefLibrary library, params NodeDef[] nodes) =>
        DamagedFile.LoadOrRefuse("bad.pb", Graph(nodes, library)) ?? throw new Xunit.Sdk.XunitException("the graph was accepted");

    private static byte[] Graph(NodeDef[] nodes, FunctionDefLibrary? library = null)
    {
        var input = Node("x", "Placeholder");
        input.Attr.Add("dtype", new() { Type = (int)TfType.Float });
        input.Attr.Add("shape", new() { Shape = BundleWriter.Shape([-1, 4]) });
        var graph = new GraphDef { Library = library };
        graph.Node.Add(input);
        graph.Node.AddRange(nodes);
        return graph.ToByteArray();
    }
}

internal static class Calls
{
    /// <summary>The node as a call of a function.</summary>
    public static NodeDef Calling(this NodeDef node, string function)
    {
        node.Attr.Add("f", new() { Func = new() { Name = function } });
        return node;
    }
}
