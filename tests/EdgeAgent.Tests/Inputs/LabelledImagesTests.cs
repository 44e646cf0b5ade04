using System.IO.Compression;
using EdgeAgent.Inputs;
using Xunit;

namespace EdgeAgent.Tests.Inputs;

public sealed class LabelledImagesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Folder_OfClassFolders_GivesClassesAndImagesInOrdinalOrder()
    {
        Add("set/b/2.png", 1);
        Add("set/b/10.png", 2);
        Add("set/A/x.png", 3);
        using var images = Open("set");
        Assert.Equal(["A", "b"], images.Classes);
        Assert.Equal(["A/x.png", "b/10.png", "b/2.png"], Enumerable.Range(0, images.Count).Select(images.Name));
        Assert.Equal([0, 1, 1], Enumerable.Range(0, images.Count).Select(images.Label));
        Assert.True(images.TryDecode(0, out var image, out _));
        Assert.Equal(TestImages.Gradient(4, 4, 3).Pixels, image.Pixels);
    }

    [Fact]
    public void Classes_WhereOneNameBeginsWithAnother_StayTogether()
    {
        Add("set/a/1.png");
        Add("set/a b/1.png");
        Add("set/a/2.png");
        using var images = Open("set");
        Assert.Equal([0, 0, 1], Enumerable.Range(0, images.Count).Select(images.Label));
    }

    [Fact]
    public void ZipAndFolder_OfTheSameFiles_AreTheSameDataSet()
    {
        Add("set/a/1.png", 1);
        Add("set/b/1.png", 2);
        ZipFile.CreateFromDirectory(Path("set"), Path("set.zip"));
        ZipFile.CreateFromDirectory(Path("set"), Path("nested.zip"), CompressionLevel.Fastest, includeBaseDirectory: true);
        using var folder = Open("set");
        using var zip = Open("set.zip");
        using var nested = Open("nested.zip");
        Assert.Equal(folder.Sha256, zip.Sha256);
        Assert.Equal(folder.Sha256, nested.Sha256);
        Assert.Equal(folder.Classes, nested.Classes);
        Assert.Equal(folder.Read(1), nested.Read(1));
    }

    [Fact]
    public void Hash_WhenAnyByteOrNameChanges_Changes()
    {
        Add("one/a/1.png", 1);
        Add("one/b/1.png", 2);
        Add("two/a/1.png", 1);
        Add("two/b/1.png", 3);
        Add("three/a/1.png", 1);
        Add("three/b/2.png", 2);
        var hashes = new[] { "one", "two", "three" }.Select(name =>
        {
            using var images = Open(name);
            return images.Sha256;
        });
        Assert.Equal(3, hashes.Distinct().Count());
    }

    [Fact]
    public void Zip_ReadFromManyThreads_GivesEveryImageWhole()
    {
        for (var i = 0; i < 50; i++)
        {
            Add($"set/a/{i}.png", i);
            Add($"set/b/{i}.png", i);
        }
        ZipFile.CreateFromDirectory(Path("set"), Path("set.zip"));
        using var folder = Open("set");
        using var zip = Open("set.zip");
        Parallel.For(0, zip.Count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => Assert.Equal(folder.Read(i), zip.Read(i)));
    }

    [Fact]
    public void HiddenFilesAndThoseOfOperatingSystems_AreNotPartOfTheData()
    {
        Add("set/a/1.png");
        Add("set/b/1.png");
        _folder.Write("set/a/.DS_Store", [1]);
        _folder.Write("set/b/Thumbs.db", [1]);
        _folder.Write("set/README.txt", [1]);
        ZipFile.CreateFromDirectory(Path("set"), Path("set.zip"));
        using var images = Open("set.zip");
        Assert.Equal(["a/1.png", "b/1.png"], Enumerable.Range(0, images.Count).Select(images.Name));
    }

    [Fact]
    public void Image_ThatDoesNotDecode_IsNamedAndDoesNotStopTheRest()
    {
        Add("set/a/1.png");
        _folder.Write("set/b/broken.jpg", "not a picture"u8.ToArray());
        using var images = Open("set");
        Assert.True(images.TryDecode(0, out _, out _));
        Assert.False(images.TryDecode(1, out _, out var fault));
        Assert.StartsWith("b/broken.jpg: ", fault);
    }

    /// <summary>It is skipped by whoever decodes; the hash must not stop what goes on without it.</summary>
    [Fact]
    public void Hash_WithAnImageThatCannotBeRead_GoesByItsName()
    {
        Add("set/a/1.png");
        Add("set/b/1.png");
        using var whole = Open("set");
        var hash = whole.Sha256;
        File.CreateSymbolicLink(Path("set/b/2.png"), Path("nowhere.png"));
        using var images = Open("set");
        Assert.False(images.TryDecode(2, out _, out var fault));
        Assert.StartsWith("b/2.png: ", fault);
        Assert.NotEqual(hash, images.Sha256);
        File.Delete(Path("set/b/2.png"));
        File.CreateSymbolicLink(Path("set/b/3.png"), Path("nowhere.png"));
        using var renamed = Open("set");
        Assert.NotEqual(images.Sha256, renamed.Sha256);
    }

    [Fact]
    public void Classes_InTheOrderOfAModel_AreLabelledSo()
    {
        foreach (var name in (string[])["a", "b", "c"])
            Add($"set/{name}/1.png");
        using var ordinal = Open("set");
        using var ordered = LabelledImages.Open(Path("set"), ["c", "a", "b"]);
        using var others = LabelledImages.Open(Path("set"), ["c", "a", "d"]);
        Assert.Equal(["c", "a", "b"], ordered.Classes);
        Assert.Equal(["a/1.png", "b/1.png", "c/1.png"], Enumerable.Range(0, 3).Select(ordered.Name));
        Assert.Equal([1, 2, 0], Enumerable.Range(0, 3).Select(ordered.Label));
        Assert.Equal(ordinal.Sha256, ordered.Sha256);
        Assert.Equal(["a", "b", "c"], others.Classes);
        Assert.Equal([0, 1, 2], Enumerable.Range(0, 3).Select(others.Label));
    }

    [Fact]
    public void EmptyClass_IsRefusedByName()
    {
        Add("set/a/1.png");
        Add("set/b/1.png");
        Directory.CreateDirectory(Path("set/hollow"));
        Assert.Contains("'hollow' is empty", Refusal("set"));
    }

    [Fact]
    public void EmptyClassInZip_IsRefusedByName()
    {
        using (var archive = ZipFile.Open(Path("set.zip"), ZipArchiveMode.Create))
        {
            Write(archive, "a/1.png");
            Write(archive, "b/1.png");
            archive.CreateEntry("hollow/");
        }
        Assert.Contains("'hollow' is empty", Refusal("set.zip"));
    }

    [Fact]
    public void OneClassOnly_IsRefusedByName()
    {
        Add("set/a/1.png");
        Assert.Contains("one class only ('a')", Refusal("set"));
    }

    [Fact]
    public void NoImages_AreRefused()
    {
        Directory.CreateDirectory(Path("set"));
        Assert.Contains("no images", Refusal("set"));
    }

    [Fact]
    public void ImagesOutsideClassFolders_AreRefusedByName()
    {
        Add("set/a/1.png");
        Add("set/b/1.png");
        Add("set/stray.png");
        Assert.Contains("'stray.png'", Refusal("set"));
    }

    [Fact]
    public void MissingPath_IsRefused() => Assert.Contains("no such folder or file", Refusal("nowhere"));

    [Fact]
    public void FileThatIsNoZip_IsRefused()
    {
        _folder.Write("set.zip", "PK but not really"u8.ToArray());
        Assert.Contains("cannot read the zip archive", Refusal("set.zip"));
    }

    [Theory]
    [InlineData("../evil.png")]
    [InlineData("a/../../evil.png")]
    [InlineData("/etc/evil.png")]
    [InlineData("..\\evil.png")]
    [InlineData("C:/evil.png")]
    public void ZipEntry_PointingOutside_IsRefusedByName(string name)
    {
        using (var archive = ZipFile.Open(Path("set.zip"), ZipArchiveMode.Create))
        {
            Write(archive, "a/1.png");
            Write(archive, "b/1.png");
            Write(archive, name);
        }
        var fault = Refusal("set.zip");
        Assert.Contains(name, fault);
        Assert.Contains("outside the archive", fault);
    }

    [Fact]
    public void ZipEntry_ThatIsThereTwice_IsRefused()
    {
        using (var archive = ZipFile.Open(Path("set.zip"), ZipArchiveMode.Create))
        {
            Write(archive, "a/1.png");
            Write(archive, "a/1.png");
            Write(archive, "b/1.png");
        }
        Assert.Contains("there twice", Refusal("set.zip"));
    }

    [Fact]
    public void ZipEntry_ThatHoldsMoreThanItAnnounces_IsNotReadBeyondThat()
    {
        using (var archive = ZipFile.Open(Path("set.zip"), ZipArchiveMode.Create))
        {
            Write(archive, "a/1.png", new byte[100_000]);
            Write(archive, "b/1.png");
        }
        // The central directory's record of the first entry: size unpacked, 24 bytes after its signature.
        var bytes = File.ReadAllBytes(Path("set.zip"));
        var record = bytes.AsSpan().IndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(bytes.AsSpan(record + 24), 10);
        File.WriteAllBytes(Path("set.zip"), bytes);
        using var images = Open("set.zip");
        Assert.Equal(10, images.Read(0).Length);
    }

    private void Add(string name, int seed = 0) => _folder.Write(name, TestImages.Png(TestImages.Gradient(4, 4, seed)));

    private static void Write(ZipArchive archive, string name, byte[]? content = null)
    {
        using var stream = archive.CreateEntry(name).Open();
        stream.Write(content ?? TestImages.Png(TestImages.Gradient(4, 4)));
    }

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    private LabelledImages Open(string name) => LabelledImages.Open(Path(name));

    private string Refusal(string name)
    {
        var fault = Assert.Throws<InputException>(() => Open(name)).Message;
        Assert.DoesNotContain('\n', fault);
        return fault;
    }
}
