using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Reports;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace EdgeAgent.Tests.Device;

public sealed class ReportSpoolTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string SpoolFile => Path.Combine(_folder.Path, "spool.log");

    [Fact]
    public void Open_AfterAppend_HoldsTheSameEventsInOrder()
    {
        string id;
        using (var spool = ReportSpool.Open(_folder.Path))
        {
            id = spool.Id;
            for (var i = 0; i < 5; i++)
                Assert.Equal(i + 1, spool.Append(Deployment));
        }
        using var again = ReportSpool.Open(_folder.Path);
        Assert.Equal(id, again.Id);
        Assert.Equal([1, 2, 3, 4, 5], again.Oldest(64, 1 << 20).Select(e => e.Sequence));
        Assert.All(again.Oldest(64, 1 << 20), e => Assert.Equal(id, e.SpoolId));
    }

    [Fact]
    public void Open_TornTailAtAnyByte_KeepsWholeEventsAndGoesOnWithTheNextSequence()
    {
        using (var spool = ReportSpool.Open(_folder.Path))
        {
            spool.Append(Deployment);
            spool.Append(Deployment);
        }
        var whole = File.ReadAllBytes(SpoolFile);
        int afterFirst;
        using (var other = new TemporaryFolder())
        {
            using (var spool = ReportSpool.Open(other.Path))
                spool.Append(Deployment);
            afterFirst = (int)new FileInfo(Path.Combine(other.Path, "spool.log")).Length;
        }
        for (var length = afterFirst; length < whole.Length; length++)
        {
            File.WriteAllBytes(SpoolFile, whole[..length]);
            using var torn = ReportSpool.Open(_folder.Path);
            Assert.Equal([1], torn.Oldest(64, 1 << 20).Select(e => e.Sequence));
            Assert.Equal(2, torn.Append(Deployment));
        }
    }

    [Fact]
    public void Open_ChangedByte_DropsThatEventAndWhatFollows()
    {
        using (var spool = ReportSpool.Open(_folder.Path))
            for (var i = 0; i < 3; i++)
                spool.Append(Deployment);
        var bytes = File.ReadAllBytes(SpoolFile);
        bytes[^1] ^= 1;
        File.WriteAllBytes(SpoolFile, bytes);
        using var again = ReportSpool.Open(_folder.Path);
        Assert.Equal([1, 2], again.Oldest(64, 1 << 20).Select(e => e.Sequence));
    }

    [Fact]
    public void Open_DamagedHeader_BeginsANewSpool()
    {
        string id;
        using (var spool = ReportSpool.Open(_folder.Path))
        {
            spool.Append(Deployment);
            id = spool.Id;
        }
        var bytes = File.ReadAllBytes(SpoolFile);
        bytes[10] ^= 1;
        File.WriteAllBytes(SpoolFile, bytes);
        using var again = ReportSpool.Open(_folder.Path);
        Assert.NotEqual(id, again.Id);
        Assert.Equal(1, again.Append(Deployment));
    }

    [Fact]
    public void Acknowledge_All_DropsThemAndKeepsCountingAcrossARestart()
    {
        using (var spool = ReportSpool.Open(_folder.Path))
        {
            for (var i = 0; i < 3; i++)
                spool.Append(Deployment);
            spool.Acknowledge("another spool", 3);
            Assert.Equal(3, spool.Count);
            spool.Acknowledge(spool.Id, 2);
            Assert.Equal([3], spool.Oldest(64, 1 << 20).Select(e => e.Sequence));
            spool.Acknowledge(spool.Id, 3);
            Assert.Equal(0, spool.Count);
        }
        using var again = ReportSpool.Open(_folder.Path);
        Assert.Equal(0, again.Count);
        Assert.Equal(4, again.Append(Deployment));
    }

    [Fact]
    public void Append_Full_ThinsTheOldestBenchmarksAndNoDeployment()
    {
        using var spool = ReportSpool.Open(_folder.Path, maxBytes: 20_000);
        for (var i = 0; i < 100; i++)
            spool.Append(i % 4 == 0 ? Deployment : Benchmark);
        var left = spool.Oldest(1000, int.MaxValue);
        Assert.Equal(25, left.Count(e => e.Deployment is not null));
        var benchmarks = left.Where(e => e.Benchmark is not null).Select(e => e.Sequence).ToList();
        Assert.NotEmpty(benchmarks);
        Assert.Contains(100, benchmarks);
        // The ones that are left are the youngest: no gap among them but for deployments.
        Assert.Equal(benchmarks.Count, Enumerable.Range((int)benchmarks[0], 101 - (int)benchmarks[0]).Count(s => (s - 1) % 4 != 0));
        Assert.True(new FileInfo(SpoolFile).Length < 30_000);
    }

    [Fact]
    public void Oldest_Bounds_AreKeptButOneEventAlwaysComes()
    {
        using var spool = ReportSpool.Open(_folder.Path);
        for (var i = 0; i < 10; i++)
            spool.Append(Benchmark);
        Assert.Equal(4, spool.Oldest(4, 1 << 20).Count);
        Assert.Single(spool.Oldest(64, 1));
    }

    /// <summary>Any mix of appends, acknowledgements and restarts leaves exactly the events that were not acknowledged.</summary>
    [Property(MaxTest = 12)]
    public Property AnyHistory_LeavesWhatWasNotAcknowledged()
    {
        return Prop.ForAll(Gen.Choose(0, 5).ListOf().ToArbitrary(), history =>
        {
            using var folder = new TemporaryFolder();
            var spool = ReportSpool.Open(folder.Path);
            List<long> expected = [];
            long next = 1;
            foreach (var step in history)
            {
                if (step <= 2)
                {
                    spool.Append(step == 0 ? Benchmark : Deployment);
                    expected.Add(next++);
                }
                else if (step <= 4 && expected.Count > 0)
                {
                    var upTo = expected[expected.Count / 2];
                    spool.Acknowledge(spool.Id, upTo);
                    expected.RemoveAll(s => s <= upTo);
                }
                else
                {
                    spool.Dispose();
                    spool = ReportSpool.Open(folder.Path);
                    // What was acknowledged may come back after a crash, never the other way round.
                    var back = spool.Oldest(int.MaxValue, int.MaxValue).Select(e => e.Sequence).ToList();
                    Assert.True(expected.All(back.Contains));
                    expected = back;
                }
            }
            var left = spool.Oldest(int.MaxValue, int.MaxValue).Select(e => e.Sequence).ToList();
            spool.Dispose();
            return left.SequenceEqual(expected);
        });
    }

    private static ReportEvent Event(string spool, long sequence) => new()
    {
        SpoolId = spool,
        Sequence = sequence,
        BootId = "boot",
        MonotonicMs = 5,
        Time = DateTimeOffset.UnixEpoch,
        ClockSynchronised = true,
    };

    private static ReportEvent Deployment(string spool, long sequence) => Event(spool, sequence) with
    {
        Deployment = new DeploymentEvent("m", "r", Sha256Digest.Of("x"u8), DeploymentState.Idle, DeploymentState.Downloading, null),
    };

    private static ReportEvent Benchmark(string spool, long sequence) => Event(spool, sequence) with
    {
        Benchmark = new BenchmarkReport
        {
            Model = "m",
            Digest = Sha256Digest.Of("x"u8),
            Student = "s",
            Profile = "raspberry-pi-5",
            Emulated = false,
            Phase = BenchmarkPhase.Trial,
            Engine = EngineKind.Int8,
            KernelSet = "scalar",
            Threads = 1,
            Latency = LatencySummary.Of([1, 2, 3]),
            GoldenAgreement = 1,
        },
    };
}
