using EdgeAgent.Graph.Import;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Broken and foreign models: one line that names the file, the place and the remedy; never anything else.</summary>
public class BadModelTests
{
    [Fact]
    public void UnsupportedOperator_IsRefusedByName()
    {
        var message = Refused(new OnnxModel(13).Input("x", "N", 4).Node("Unique", "x", "y").Output("y"));
        Assert.Contains("node 'Unique_0' (Unique)", message);
        Assert.Contains("the README of EdgeAgent.Graph lists what is supported", message);
    }

    [Fact]
    public void OperatorOfAnotherDomain_IsRefusedWithTheDomain()
    {
        var model = new OnnxModel(13).Input("x", "N", 4).Node("NhwcFusedConv", "x", "y").Output("y");
        model.Graph.Node[0].Domain = "com.microsoft";
        Assert.Contains("of domain 'com.microsoft'", Refused(model));
    }

    [Fact]
    public void Cycle_IsRefusedAtANodeOfIt() =>
        Assert.Contains("cycle", Refused(new OnnxModel(13).Input("x", "N", 4).Node("Add", "x, b", "a").Node("Relu", "a", "b").Output("b")));

    [Fact]
    public void OldOpset_IsRefusedByNumber() =>
        Assert.Contains("opset 5", Refused(new OnnxModel(5).Input("x", "N", 4).Node("Relu", "x", "y").Output("y")));

    [Fact]
    public void UndefinedValue_IsRefusedByName() =>
        Assert.Contains("'nowhere'", Refused(new OnnxModel(13).Input("x", "N", 4).Node("Add", "x, nowhere", "y").Output("y")));

    [Fact]
    public void ValueDefinedTwice_IsRefusedByName() =>
        Assert.Contains("'y'", Refused(new OnnxModel(13).Input("x", "N", 4).Node("Relu", "x", "y").Node("Tanh", "x", "y").Output("y")));

    [Theory]
    [InlineData(2147483648L)]
    [InlineData(2147483647L)]
    [InlineData(1L << 40)]
    public void AbsurdInput_IsRefusedBeforeAnythingIsAllocated(long size) =>
        Assert.Contains("'x'", Refused(new OnnxModel(13).Input("x", "N", 16, size).Node("Relu", "x", "y").Output("y")));

    [Fact]
    public void AbsurdResult_IsRefusedByNode()
    {
        var model = new OnnxModel(13).Input("x", "N", 1, 16000, 16000).Longs("p", 0, 0, 30000, 30000, 0, 0, 30000, 30000).Node("Pad", "x, p", "y").Output("y");
        Assert.Contains("node 'Pad_0'", Refused(model));
    }

    [Fact]
    public void ManyDoublings_AreRefusedBeforeMemoryRunsOut()
    {
        var model = new OnnxModel(13).Longs("n", 1024).Node("ConstantOfShape", "n", "v0");
        for (var i = 0; i < 40; i++)
            model.Node("Concat", $"v{i}, v{i}", $"v{i + 1}", ("axis", 0));
        Refused(model.Input("x", "N", 4).Node("Add", "x, v40", "y").Output("y"));
    }

    [Fact]
    public void TensorLargerThanItsData_IsRefusedByName() =>
        Assert.Contains("tensor 'w' needs", Refused(new OnnxModel(13).Input("x", "N", 4).Initializer("w", DataType.Float, [1 << 30], t => t.FloatData.Add(1)).Node("Mul", "x, w", "y").Output("y")));

    [Theory]
    [InlineData("", "must lie in the model's folder")]
    [InlineData("../secret.bin", "must lie in the model's folder")]
    [InlineData("data/../../secret.bin", "must lie in the model's folder")]
    [InlineData("/etc/passwd", "must lie in the model's folder")]
    [InlineData("nowhere.bin", "not beside the model")]
    public void ExternalData_OutsideOfTheFolderOrMissing_IsRefusedByTensor(string location, string says)
    {
        var message = Refused(WithExternalData(location, 0, 16));
        Assert.Contains("tensor 'w'", message);
        Assert.Contains(says, message);
    }

    [Fact]
    public void ExternalData_BehindALinkOrTooShort_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("short.bin"), new byte[15]);
        File.CreateSymbolicLink(folder.File("link.bin"), "/etc/hostname");
        foreach (var (file, says) in new[] { ("short.bin", "which has 15"), ("link.bin", "reached by a link") })
        {
            File.WriteAllBytes(folder.File("model.onnx"), WithExternalData(file, 0, 16).ToBytes());
            Assert.Contains(says, Assert.Throws<ModelImportException>(() => ModelImporter.Load(folder.File("model.onnx"))).Message);
        }
    }

    private static OnnxModel WithExternalData(string location, long offset, long length) =>
        new OnnxModel(13).Input("x", "N", 4).Initializer("w", DataType.Float, [4], t =>
        {
            t.DataLocation = 1;
            t.ExternalData.Add(new EdgeAgent.Graph.Import.Onnx.StringStringEntryProto { Key = "location", Value = location });
            t.ExternalData.Add(new EdgeAgent.Graph.Import.Onnx.StringStringEntryProto { Key = "offset", Value = $"{offset}" });
            t.ExternalData.Add(new EdgeAgent.Graph.Import.Onnx.StringStringEntryProto { Key = "length", Value = $"{length}" });
        }).Node("Mul", "x, w", "y").Output("y");

    [Fact]
    public void ExternalData_BesideTheModel_IsRead()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data"));
        File.WriteAllBytes(folder.File("data/weights.bin"), [9, 9, 9, 9, .. new float[] { 1, 2, 3, 4 }.SelectMany(BitConverter.GetBytes)]);
        File.WriteAllBytes(folder.File("model.onnx"), WithExternalData("data/weights.bin", 4, 16).ToBytes());
        Assert.Equal([1f, 2, 3, 4], ModelImporter.Load(folder.File("model.onnx")).Constants["w"].Floats);
        Assert.Equal([folder.File("model.onnx"), folder.File("data/weights.bin")], ModelImporter.FilesOf(folder.File("model.onnx")));
        Assert.Equal(20 + new FileInfo(folder.File("model.onnx")).Length, ModelImporter.BytesOf(folder.File("model.onnx")));
    }

    [Fact]
    public void DynamicImageSize_IsRefusedWithTheAxis() =>
        Assert.Contains("along axis 2", Refused(new OnnxModel(13).Input("x", "N", 3, "H", "W").Node("Relu", "x", "y").Output("y")));

    [Fact]
    public void KernelLargerThanTheInput_IsRefusedByNode() =>
        Assert.Contains("node 'MaxPool_0'", Refused(new OnnxModel(13).Input("x", "N", 3, 4, 4).Node("MaxPool", "x", "y", ("kernel_shape", new[] { 5, 5 })).Output("y")));

    [Fact]
    public void WrongAttributeType_IsRefusedByNode() =>
        Assert.Contains("attribute 'axis'", Refused(new OnnxModel(13).Input("x", "N", 3).Node("Softmax", "x", "y", ("axis", "one")).Output("y")));

    [Fact]
    public void TextFile_IsNoModel() => Assert.Contains("no model format", RefusedBytes("hello, this is no model"u8.ToArray()));

    [Fact]
    public void EmptyFile_SaysSo() => Assert.Contains("empty", RefusedBytes([]));

    [Fact]
    public void MissingFile_SaysSo() => Assert.Contains("no such", Assert.Throws<ModelImportException>(() => ModelImporter.Load("/no/such/model.onnx")).Message);

    [Fact]
    public void Folder_IsRefusedAsASavedModel()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("SavedModel", Assert.Throws<ModelImportException>(() => ModelImporter.Load(folder.Path)).Message);
    }

    [Fact]
    public void NamesWithControlCharacters_DoNotBreakTheLine()
    {
        var model = new OnnxModel(13).Input("x", "N", 4).Node("Bad\nOp\u001b[31m", "x", "y").Output("y");
        var message = Refused(model);
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain('\u001b', message);
    }

    [Fact]
    public void TruncatedModel_AtAnyByte_IsRefusedWithTheFile()
    {
        var bytes = Whole();
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
            LoadOrRefuse(bytes[..random.Next(bytes.Length)]);
        Assert.Contains("damaged at byte", RefusedBytes(bytes[..(bytes.Length / 2)]));
    }

    [Fact]
    public void MutatedModel_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        foreach (var bytes in Mutations.Of(Whole(), 20_000))
            LoadOrRefuse(bytes);
    }

    /// <summary>A small model with most of what can be mutated: weights, shape subgraph, attributes of all kinds.</summary>
    private static byte[] Whole() => new OnnxModel(13).Input("x", "N", 2, 6, 6)
        .Floats("w", new TestGraph(1).Random(1, 4, 2, 3, 3).Floats, 4, 2, 3, 3).Longs("i", 0).Longs("m", -1).Longs("p", 0, 0, 1, 1, 0, 0, 1, 1)
        .Node("Pad", "x, p", "padded").Node("Conv", "padded, w", "c", ("strides", new[] { 2, 1 }), ("pads", new[] { 1, 1, 0, 0 }), ("kernel_shape", new[] { 3, 3 }))
        .Node("MaxPool", "c", "pool", ("kernel_shape", new[] { 2, 2 }), ("auto_pad", "SAME_UPPER")).Node("Concat", "pool, pool", "cat", ("axis", 1))
        .Node("Shape", "cat", "shape").Node("Gather", "shape, i", "n", ("axis", 0)).Node("Concat", "n, m", "target", ("axis", 0))
        .Node("Reshape", "cat, target", "flat").Node("Softmax", "flat", "y").Output("y").ToBytes();

    private static string Refused(OnnxModel model) => RefusedBytes(model.ToBytes());

    private static string RefusedBytes(byte[] bytes) => LoadOrRefuse(bytes) ?? throw new Xunit.Sdk.XunitException("the model was accepted");

    /// <returns>The one-line refusal, or null if the model loads.</returns>
    private static string? LoadOrRefuse(byte[] bytes) => DamagedFile.LoadOrRefuse("bad.onnx", bytes);
}
