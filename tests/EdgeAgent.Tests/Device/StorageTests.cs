using EdgeAgent.Device;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Tests.Device;

public sealed class StorageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ClockFloor_ClockFallsBack_StaysAtTheLatestTimeAcrossARestart()
    {
        var path = Path.Combine(_folder.Path, "clock-floor");
        var time = new InstantTime();
        time.Advance(TimeSpan.FromDays(100));
        var seen = new ClockFloor(path, time).Now();
        Assert.Equal(time.GetUtcNow(), seen);

        // A board without a clock battery wakes up in 1970.
        Assert.Equal(seen, new ClockFloor(path, new InstantTime()).Now());
    }

    [Fact]
    public void DurableFile_LeftoverOfAnInterruptedWrite_DoesNotMatter()
    {
        var path = Path.Combine(_folder.Path, "f");
        _folder.Put("f.tmp", "torn");
        DurableFile.Write(path, "whole"u8);
        Assert.Equal("whole"u8.ToArray(), DurableFile.Read(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void Open_SecondAgent_IsRefusedWithTheRemedy()
    {
        using var first = StateDirectory.Open(_folder.Path);
        var refused = Assert.Throws<AgentException>(() => StateDirectory.Open(_folder.Path));
        Assert.Contains("in use by another edge-agent; stop it", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PathIsAFile_IsRefusedWithTheRemedy()
    {
        _folder.Put("file", "x");
        var refused = Assert.Throws<AgentException>(() => StateDirectory.Open(Path.Combine(_folder.Path, "file")));
        Assert.Contains("cannot be written", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--state", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }
}
