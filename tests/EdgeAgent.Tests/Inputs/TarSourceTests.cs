using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using EdgeAgent.Inputs;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace EdgeAgent.Tests.Inputs;

/// <summary>Tar archives as other programs write them, and as an attacker would.</summary>
public sealed class TarSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.V7)]
    public void TarAndFolder_OfTheSameFiles_AreTheSameDataSet(TarEntryFormat format)
    {
        for (var i = 0; i < 5; i++)
        {
            _folder.Write($"set/a/{i}.png", TestImages.Png(TestImages.Gradient(4 + i, 4, i)));
            _folder.Write($"set/b/{i}.png", TestImages.Png(TestImages.Gradient(4, 9 + i, i)));
        }
        using (var writer = new TarWriter(File.Create(Path("set.tar")), format))
            foreach (var file in Directory.EnumerateFiles(Path("set"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Reverse())
                writer.WriteEntry(file, System.IO.Path.GetRelativePath(_folder.Path, file));

        using var folder = LabelledImages.Open(Path("set"));
        using var tar = LabelledImages.Open(Path("set.tar"));
        Assert.Equal(folder.Classes, tar.Classes);
        Assert.Equal(folder.Sha256, tar.Sha256);
        Parallel.For(0, tar.Count, i => Assert.Equal(folder.Read(i), tar.Read(i)));
    }

    [Fact]
    public void TarOfTheCurrentFolder_ByTheSystemsTar_IsRead()
    {
        Assert.SkipUnless(File.Exists("/bin/tar"), "/bin/tar is not there");
        // A name longer than a header holds.
        _folder.Write($"set/a/{new string('n', 180)}.png", TestImages.Png(TestImages.Gradient(4, 4, 1)));
        _folder.Write("set/b/ü.png", TestImages.Png(TestImages.Gradient(4, 4, 2)));
        foreach (var arguments in (string[][])[["-cf", "gnu.tar"], ["--format=posix", "-cf", "pax.tar"], ["-czf", "packed.tar.gz"]])
        {
            using var tar = System.Diagnostics.Process.Start("/bin/tar", [.. arguments.SkipLast(1), Path(arguments[^1]), "-C", Path("set"), "."]);
            tar.WaitForExit();
            using var folder = LabelledImages.Open(Path("set"));
            using var images = LabelledImages.Open(Path(arguments[^1]));
            Assert.Equal(folder.Sha256, images.Sha256);
        }
    }

    [Fact]
    public void GzipOfATar_IsUnpackedOnceAndLeavesNothingBehind()
    {
        var before = Directory.GetFiles(System.IO.Path.GetTempPath(), "edgeagent-*.tar").ToHashSet();
        File.WriteAllBytes(Path("set.tgz"), Gzip(Tar(("a/1.png", Image(1)), ("b/1.png", Image(2)))));
        using (var images = LabelledImages.Open(Path("set.tgz")))
        {
            Assert.Equal(Image(2), images.Read(1));
            Assert.DoesNotContain(Directory.GetFiles(System.IO.Path.GetTempPath(), "edgeagent-*.tar"), f => !before.Contains(f));
        }
    }

    [Fact]
    public void EmptyClassInTar_IsRefusedByName()
    {
        using (var writer = new TarWriter(File.Create(Path("set.tar"))))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "hollow"));
            foreach (var name in (string[])["a/1.png", "b/1.png"])
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Image(1)) });
        }
        Assert.Contains("'hollow' is empty", Refusal("set.tar"));
    }

    [Theory]
    [InlineData("../evil.png")]
    [InlineData("a/../../evil.png")]
    [InlineData("/etc/evil.png")]
    [InlineData("..\\evil.png")]
    public void Entry_PointingOutside_IsRefusedByName(string name)
    {
        File.WriteAllBytes(Path("set.tar"), Tar(("a/1.png", Image(1)), ("b/1.png", Image(1)), (name, Image(1))));
        var fault = Refusal("set.tar");
        Assert.Contains(name, fault);
        Assert.Contains("outside the archive", fault);
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    public void Entry_ThatIsALink_IsRefusedWithTheRemedy(TarEntryType type)
    {
        using (var writer = new TarWriter(File.Create(Path("set.tar"))))
            writer.WriteEntry(new PaxTarEntry(type, "a/1.png") { LinkName = "/etc/passwd" });
        var fault = Refusal("set.tar");
        Assert.Contains("'a/1.png' is a link", fault);
        Assert.Contains("--dereference", fault);
    }

    [Fact]
    public void Entry_ThatIsADevice_IsRefused()
    {
        using (var writer = new TarWriter(File.Create(Path("set.tar"))))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "a/1.png"));
        Assert.Contains("of type '6'", Refusal("set.tar"));
    }

    [Fact]
    public void Entry_ThatIsThereTwice_IsRefused()
    {
        File.WriteAllBytes(Path("set.tar"), Tar(("a/1.png", Image(1)), ("a/1.png", Image(2)), ("b/1.png", Image(1))));
        Assert.Contains("there twice", Refusal("set.tar"));
    }

    [Fact]
    public void Archive_CutOffAnywhere_IsRefusedOrNotTakenForATar()
    {
        var whole = Tar(("a/1.png", Image(1)), ("a/2.png", Image(2)), ("b/1.png", Image(3)));
        // With the first block of the end mark nothing is missing.
        var end = (whole.AsSpan().TrimEnd((byte)0).Length + 511) / 512 * 512 + 512;
        for (var length = 0; length < end; length += 100)
        {
            File.WriteAllBytes(Path("cut.tar"), whole[..length]);
            var fault = Refusal("cut.tar");
            Assert.Contains(length < 512 ? "cannot read" : "cut off", fault);
        }
        File.WriteAllBytes(Path("cut.tgz"), Gzip(whole)[..^300]);
        Refusal("cut.tgz");
    }

    /// <summary>Sizes in octal and in GNU's base 256: nothing is allocated for what is only claimed.</summary>
    [Theory]
    [InlineData("77777777777")]
    [InlineData("base256")]
    [InlineData("negative")]
    public void Entry_ThatClaimsMoreThanThereIs_IsRefusedWithoutReadingIt(string size)
    {
        var archive = Tar(("a/1.png", Image(1)), ("b/1.png", Image(1)));
        var field = archive.AsSpan(124, 12);
        if (size == "77777777777")
            Encoding.ASCII.GetBytes(size + "\0").CopyTo(field);
        else
        {
            field.Fill(size == "negative" ? (byte)0xFF : (byte)0x7F);
            field[0] = size == "negative" ? (byte)0xFF : (byte)0x80;
        }
        Sign(archive);
        File.WriteAllBytes(Path("set.tar"), archive);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refusal("set.tar");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void NameThatIsLongerThanAnyName_IsRefused()
    {
        var archive = new MemoryStream();
        archive.Write(Header("././@LongLink", 'L', 3 << 20));
        archive.Write(new byte[3 << 20]);
        archive.Write(Tar(("a/1.png", Image(1)), ("b/1.png", Image(1))));
        File.WriteAllBytes(Path("set.tar"), archive.ToArray());
        Assert.Contains("at most 1048576", Refusal("set.tar"));
    }

    [Theory]
    [InlineData("99999999 path=a/1.png\n")]
    [InlineData("0 path=a/1.png\n")]
    [InlineData("path=a/1.png\n")]
    [InlineData("12 size=-5\n")]
    [InlineData("27 GNU.sparse.major=1234567\n")]
    public void PaxHeader_ThatIsDamaged_IsRefused(string records)
    {
        var archive = new MemoryStream();
        archive.Write(Header("x", 'x', records.Length));
        archive.Write(Padded(Encoding.ASCII.GetBytes(records)));
        archive.Write(Tar(("a/1.png", Image(1)), ("b/1.png", Image(1))));
        File.WriteAllBytes(Path("set.tar"), archive.ToArray());
        Refusal("set.tar");
    }

    [Fact]
    public void NameOfSeveralLines_IsToldInOne()
    {
        File.WriteAllBytes(Path("set.tar"), Tar(("a/1.png", Image(1)), ("b\n1.png", Image(1))));
        Assert.Contains("image 'b 1.png' is not in a class folder", Refusal("set.tar"), StringComparison.Ordinal);
    }

    /// <summary>Whatever is wrong with it, an archive is refused in one line, or is a data set whose images can be read.</summary>
    [Property(MaxTest = 3000)]
    public Property Archive_WithAnyDamage_IsRefusedInOneLineOrRead()
    {
        var whole = Tar(("a/1.png", Image(1)), ($"a/{new string('n', 150)}.png", Image(2)), ("b/1.png", Image(3)));
        var headers = Enumerable.Range(0, whole.Length).Where(i => i % 512 < 345).ToArray();
        var damage = from at in Gen.Elements(headers) from value in Gen.Choose(0, 255) select (at, (byte)value);
        return Prop.ForAll(Gen.ListOf(damage).ToArbitrary(), changes =>
        {
            var archive = whole.ToArray();
            foreach (var (at, value) in changes)
                archive[at] = value;
            // With its checksums right a header gets as far as it can.
            for (var block = 0; block + 512 <= archive.Length; block += 512)
                if (archive.AsSpan(block + 257, 5).SequenceEqual("ustar"u8))
                    Sign(archive.AsSpan(block, 512));
            File.WriteAllBytes(Path("set.tar"), archive);
            try
            {
                using var images = LabelledImages.Open(Path("set.tar"));
                for (var i = 0; i < images.Count; i++)
                    images.Read(i);
            }
            catch (InputException fault)
            {
                Assert.DoesNotContain('\n', fault.Message);
            }
        });
    }

    private static byte[] Image(int seed) => TestImages.Png(TestImages.Gradient(4, 4, seed));

    private static byte[] Tar(params ReadOnlySpan<(string Name, byte[] Content)> entries)
    {
        var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, TarEntryFormat.Gnu, leaveOpen: true))
            foreach (var (name, content) in entries)
                writer.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        return stream.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest))
            gzip.Write(content);
        return stream.ToArray();
    }

    private static byte[] Header(string name, char type, long size)
    {
        var block = new byte[512];
        Encoding.ASCII.GetBytes(name).CopyTo(block, 0);
        Encoding.ASCII.GetBytes(Convert.ToString(size, 8).PadLeft(11, '0')).CopyTo(block, 124);
        block[156] = (byte)type;
        "ustar\000"u8.CopyTo(block.AsSpan(257));
        Sign(block);
        return block;
    }

    /// <summary>Sets the checksum of the header at the start.</summary>
    private static void Sign(Span<byte> archive)
    {
        archive.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in archive[..512])
            sum += value;
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(archive[148..]);
    }

    private static byte[] Padded(byte[] content) => [.. content, .. new byte[(512 - content.Length % 512) % 512]];

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    private string Refusal(string name)
    {
        var fault = Assert.Throws<InputException>(() => LabelledImages.Open(Path(name))).Message;
        Assert.DoesNotContain('\n', fault);
        return fault;
    }
}
