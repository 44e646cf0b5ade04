using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Device.Deployment;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Tests.Device;

public sealed class PartialFileTests : IDisposable
{
    private const int Length = 1_234_567;
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _bytes = TestPackages.Payload(Length);
    private readonly PackageFile _file;
    private readonly ContentStore _content;

    public PartialFileTests()
    {
        _file = PackageFileBuilder.Describe(FileRoles.Plan, "model.plan", _bytes);
        _content = new ContentStore(_folder.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Finish_ChunksInAnyOrder_GivesTheFile()
    {
        using (var partial = PartialFile.Open(_content, _file))
            foreach (var index in partial.Missing().Reverse().ToList())
                Write(partial, index);
        Assert.False(_content.Contains(_file));
        PartialFile.Finish(_content, _file);
        Assert.True(_content.IsIntact(_file));
        Assert.Equal(_bytes, _content.Read(_file));
        Assert.Equal([_file.Digest.Hex], Directory.GetFiles(_folder.Path).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void Open_AfterAStop_AsksOnlyForTheRest()
    {
        using (var partial = PartialFile.Open(_content, _file))
            foreach (var index in new[] { 0, 3, 18 })
                Write(partial, index);
        using var again = PartialFile.Open(_content, _file);
        Assert.Equal(Enumerable.Range(0, 19).Except([0, 3, 18]), again.Missing());
        Assert.Equal(2 * 65536 + Length % 65536, PartialFile.ReceivedBytes(_content, _file));
    }

    [Fact]
    public void Bitmap_BeforeTheFlush_DoesNotClaimTheChunks()
    {
        using var partial = PartialFile.Open(_content, _file);
        for (var index = 0; index < PartialFile.FlushEvery - 1; index++)
            Write(partial, index);
        // What a crash at this point would leave on disk.
        Assert.Equal(0, PartialFile.ReceivedBytes(_content, _file));
        Write(partial, PartialFile.FlushEvery - 1);
        Assert.Equal(PartialFile.FlushEvery * 65536, PartialFile.ReceivedBytes(_content, _file));
    }

    [Fact]
    public void Open_DataOfAnotherSize_BeginsAgain()
    {
        using (var partial = PartialFile.Open(_content, _file))
            Write(partial, 0);
        File.WriteAllText(_content.PartialPath(_file.Digest), "short");
        using var again = PartialFile.Open(_content, _file);
        Assert.Equal(19, again.Missing().Count);
    }

    [Fact]
    public void Finish_WrongBytes_RefusesByNameAndDeletes()
    {
        using (var partial = PartialFile.Open(_content, _file))
            foreach (var index in partial.Missing())
                Write(partial, index);
        using (var stream = File.OpenWrite(_content.PartialPath(_file.Digest)))
            stream.WriteByte((byte)(_bytes[0] ^ 1));
        var refused = Assert.Throws<PackageRefusedException>(() => PartialFile.Finish(_content, _file));
        Assert.Equal(PackageRefusal.DigestMismatch, refused.Refusal);
        Assert.Contains("model.plan", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void CheckSpace_DiskTooSmall_SaysWhatIsMissing()
    {
        var download = new PackageDownload(null!, _content);
        var needed = Length + DiskSpace.MarginBytes;
        download.CheckSpace([_file], needed);
        var refused = Assert.Throws<NoSpaceException>(() => download.CheckSpace([_file], needed - 1));
        Assert.StartsWith($"no disk space: {Length} bytes and a margin of {DiskSpace.MarginBytes} are needed, {needed - 1} are free in ", refused.Message, StringComparison.Ordinal);

        // What came before a stop needs no space a second time.
        using (var partial = PartialFile.Open(_content, _file))
            Write(partial, 0);
        download.CheckSpace([_file], needed - 65536);
    }

    private void Write(PartialFile partial, int index) =>
        partial.Write(index, _bytes.AsSpan(index * _file.ChunkBytes, _file.ChunkLength(index)));
}
