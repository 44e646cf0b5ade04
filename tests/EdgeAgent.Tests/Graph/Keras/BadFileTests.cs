using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Broken and foreign Keras files: a graph or a refusal in one line that names the file and the place, never anything else.</summary>
public class BadFileTests
{
    private static readonly byte[] _hdf5 = Small(outputs => outputs.File.ToHdf5(outputs.Output));
    private static readonly byte[] _archive = Small(outputs => outputs.File.ToArchive(outputs.Output));

    /// <summary>
    /// The HDF5 library allocates what a header claims, at most one array at a time, and then finds that the file is shorter. The
    /// pages are never touched (48 MB are resident where 1 GB is claimed), and where memory is limited that is a refusal too,
    /// which a system test shows.
    /// </summary>
    private const long ClaimedBytes = 3L << 30;

    [Fact]
    public void MutatedHdf5_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        foreach (var bytes in Mutations.Of(_hdf5, 20_000))
            DamagedFile.LoadOrRefuse("bad.h5", bytes, ClaimedBytes);
    }

    /// <summary>A quarter of them in the archive itself, the rest in the configuration and the weights of a sound one.</summary>
    [Fact]
    public void MutatedArchive_TwentyThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        foreach (var bytes in Mutations.Of(_archive, 5_000))
            DamagedFile.LoadOrRefuse("bad.keras", bytes);
        var (config, weights) = (Entry(_archive, "config.json"), Entry(_archive, "model.weights.h5"));
        foreach (var bytes in Mutations.Of(config, 10_000))
            DamagedFile.LoadOrRefuse("bad.keras", KerasFile.Archive(Encoding.Latin1.GetString(bytes), weights));
        foreach (var bytes in Mutations.Of(weights, 5_000))
            DamagedFile.LoadOrRefuse("bad.keras", KerasFile.Archive(Encoding.UTF8.GetString(config), bytes), ClaimedBytes);
    }

    [Theory]
    [InlineData(".h5")]
    [InlineData(".keras")]
    public void TruncatedFile_AtAnyByte_IsRefused(string extension)
    {
        var bytes = extension == ".h5" ? _hdf5 : _archive;
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
            Assert.NotNull(DamagedFile.LoadOrRefuse("cut" + extension, bytes[..random.Next(16, bytes.Length - 64)]));
    }

    [Theory]
    [InlineData(".h5")]
    [InlineData(".keras")]
    public void EmptyFile_SaysSo(string extension) => Assert.Contains("empty", DamagedFile.LoadOrRefuse("empty" + extension, []));

    [Fact]
    public void WeightsOnly_AreRefusedWithTheRemedy()
    {
        var root = new Hdf5Group();
        root.At("dense").Attributes["weight_names"] = new[] { "dense/kernel:0" };
        Assert.Contains("weights only", DamagedFile.LoadOrRefuse("weights.h5", Hdf5Writer.Write(root)));
    }

    [Theory]
    [InlineData("Lambda", "Python code")]
    [InlineData("MyOwnLayer", "layer 'myownlayer_1' (MyOwnLayer)")]
    public void UnsupportedLayer_IsRefusedByName(string type, string says)
    {
        var message = Refused(file => file.Layer(type, [], (IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)>)[], file.Input(4)));
        Assert.Contains(says, message);
        Assert.InRange(message.Length, 0, 400);
    }

    [Fact]
    public void MissingWeight_IsRefusedByLayer() =>
        Assert.Contains("layer 'dense_1' (Dense): its kernel", Refused(file => file.Layer("Dense", new() { ["units"] = 3 }, (IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)>)[], file.Input(4))));

    [Fact]
    public void Cycle_IsRefusedAtALayerOfIt()
    {
        var file = new KerasFile();
        var input = file.Input(4);
        IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)> none = [];
        file.Layer("Add", [], none, input, "add_2");
        file.Layer("Add", [], none, input, "add_1");
        foreach (var bytes in new[] { file.ToHdf5("add_2"), file.ToArchive("add_2") })
            Assert.Contains("cycle", DamagedFile.LoadOrRefuse("cycle.model", bytes));
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1 << 28)]
    public void AbsurdInput_IsRefusedBeforeAnythingIsAllocated(int size) =>
        Assert.Contains("input_0", Refused(file => file.Layer("ReLU", [], (IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)>)[], file.Input(16, size))).Replace("inputlayer_0", "input_0"));

    [Fact]
    public void AbsurdPadding_IsRefusedByLayer()
    {
        var message = Refused(file => file.Layer("ZeroPadding2D", new() { ["padding"] = 30_000 }, (IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)>)[], file.Input(16_000, 16_000, 1)));
        Assert.Contains("layer 'zeropadding2d_1'", message);
    }

    [Fact]
    public void ModelsNestedWithoutEnd_AreRefused()
    {
        var inner = new JsonObject { ["class_name"] = "Sequential", ["config"] = new JsonObject { ["name"] = "deepest", ["layers"] = new JsonArray() } };
        for (var depth = 0; depth < 24; depth++)
            inner = new JsonObject { ["class_name"] = "Sequential", ["config"] = new JsonObject { ["name"] = $"model_{depth}", ["layers"] = new JsonArray(inner), ["build_input_shape"] = new JsonArray(null, 4) } };
        Assert.NotNull(DamagedFile.LoadOrRefuse("nested.keras", KerasFile.Archive(inner.ToJsonString(), Hdf5Writer.Write(new()))));
        // Deeper than the reader of JSON follows, and than a stack would.
        var brackets = string.Concat(Enumerable.Repeat("[", 100_000));
        Assert.Contains("config.json", DamagedFile.LoadOrRefuse("brackets.keras", KerasFile.Archive($$"""{"class_name":"Sequential","config":{{brackets}}""", Hdf5Writer.Write(new()))));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.weights.h5")]
    public void ZipBomb_IsRefusedByEntry(string entry)
    {
        // 200 MB of zeros deflate to 200 kB.
        var message = DamagedFile.LoadOrRefuse("bomb.keras", Replaced(entry, archive =>
        {
            using var stream = archive.CreateEntry(entry, CompressionLevel.Fastest).Open();
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 200; i++)
                stream.Write(zeros);
        }));
        Assert.Contains(entry, message);
    }

    /// <summary>An entry that says it is small and inflates to more is read no further than it says.</summary>
    [Fact]
    public void ZipEntry_LargerThanItClaims_IsRefused()
    {
        var bytes = Replaced("config.json", archive =>
        {
            using var stream = archive.CreateEntry("config.json", CompressionLevel.SmallestSize).Open();
            stream.Write(new byte[1 << 20]);
        });
        // The size that counts stands in the archive's directory, 24 bytes after the mark of the entry and 22 before its name.
        var name = bytes.AsSpan().LastIndexOf("config.json"u8);
        Assert.Equal("PK\u0001\u0002"u8.ToArray(), bytes[(name - 46)..(name - 42)]);
        BitConverter.GetBytes(1 << 10).CopyTo(bytes, name - 22);
        Assert.Contains("config.json", DamagedFile.LoadOrRefuse("liar.keras", bytes));
    }

    /// <summary>Entries are looked up by name and never written: a path that leaves the archive leads nowhere.</summary>
    [Fact]
    public void ZipEntries_WithPathsThatLeaveTheArchive_HaveNoEffect()
    {
        using var folder = new TemporaryFolder();
        var bytes = Replaced("nothing", archive =>
        {
            foreach (var path in new[] { "../escaped.txt", "/tmp/edge-escaped.txt", "..\\escaped.txt" })
                using (var stream = archive.CreateEntry(path).Open())
                    stream.Write("out"u8);
        });
        File.WriteAllBytes(folder.File("model.keras"), bytes);
        Assert.Null(DamagedFile.LoadOrRefuse(folder.File("model.keras")));
        Assert.Single(Directory.EnumerateFileSystemEntries(folder.Path));
        Assert.False(File.Exists(Path.Combine(folder.Path, "..", "escaped.txt")) || File.Exists("/tmp/edge-escaped.txt"));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("model.weights.h5")]
    public void ArchiveWithoutAnEntry_NamesIt(string entry) => Assert.Contains($"holds no {entry}", DamagedFile.LoadOrRefuse("part.keras", Replaced(entry, _ => { })));

    /// <summary>The archive with one entry taken out and others put in.</summary>
    private static byte[] Replaced(string entry, Action<ZipArchive> add)
    {
        using var bytes = new MemoryStream();
        bytes.Write(_archive);
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Update, leaveOpen: true))
        {
            archive.GetEntry(entry)?.Delete();
            add(archive);
        }
        return bytes.ToArray();
    }

    internal static byte[] Entry(byte[] archive, string name)
    {
        using var zip = new ZipArchive(new MemoryStream(archive));
        using var stream = zip.GetEntry(name)!.Open();
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    private static string Refused(Func<KerasFile, string> build)
    {
        var file = new KerasFile();
        var output = build(file);
        var messages = new[] { DamagedFile.LoadOrRefuse("bad.h5", file.ToHdf5(output)), DamagedFile.LoadOrRefuse("bad.keras", file.ToArchive(output)) };
        Assert.All(messages, Assert.NotNull);
        // Both say the same about the model; they differ in the file's name only.
        Assert.Single(messages.Select(m => m![m!.IndexOf(": ", StringComparison.Ordinal)..]).Distinct());
        return messages[0]!;
    }

    /// <summary>Two convolutions, so that most of the file is structure and not weights.</summary>
    private static byte[] Small(Func<(KerasFile File, string Output), byte[]> write)
    {
        var (file, test) = (new KerasFile(), new TestGraph(1));
        var x = file.Layer("Conv2D", new() { ["filters"] = 2, ["kernel_size"] = new JsonArray(3, 3), ["padding"] = "same", ["activation"] = "relu" },
            [("kernel", test.Random(1, 3, 3, 1, 2)), ("bias", test.Random(1, 2))], file.Input(5, 4, 1));
        x = file.Layer("SeparableConv2D", new() { ["filters"] = 3, ["kernel_size"] = new JsonArray(2, 2), ["strides"] = 2 },
            [("depthwise_kernel", test.Random(1, 2, 2, 2, 1)), ("pointwise_kernel", test.Random(1, 1, 1, 2, 3)), ("bias", test.Random(1, 3))], x);
        return write((file, file.Layer("Softmax", new() { ["axis"] = -1 }, (IReadOnlyList<(string, EdgeAgent.Graph.Ir.Tensor)>)[], x)));
    }
}
