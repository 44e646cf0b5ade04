using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;

namespace EdgeAgent.SystemTests.Device;

/// <summary>
/// The real program is killed, without any chance to clean up, in every state of a deployment, and started again on what
/// it left: it ends in a right state, what serves is a whole model, and every step is told of.
/// </summary>
public sealed class KillTests(PreparedDevice prepared) : IClassFixture<PreparedDevice>
{
    [Fact]
    public Task Killed_in_Downloading() => GoodPackageAsync("downloading", "downloading", isOldServing: true);

    [Fact]
    public Task Killed_in_Verifying() => GoodPackageAsync("verifying", "verifying", isOldServing: true);

    [Fact]
    public Task Killed_in_Staged() => GoodPackageAsync("staged", "staged", isOldServing: true);

    [Fact]
    public Task Killed_in_Trial() => GoodPackageAsync("trial", "trial", isOldServing: true);

    [Fact]
    public Task Killed_in_Activating() => GoodPackageAsync("activating", "activating", isOldServing: true);

    [Fact]
    public Task Killed_in_Activating_AfterTheSwitch() => GoodPackageAsync("switched", "activating", isOldServing: false);

    [Fact]
    public Task Killed_in_Probation() => GoodPackageAsync("probation", "probation", isOldServing: false);

    [Fact]
    public Task Killed_in_Committed() => GoodPackageAsync("committed", "committed", isOldServing: false);

    [Fact]
    public async Task Killed_in_Downloading_AfterChunks_FetchesNoFlushedChunkTwice()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var next = rig.Models.Int8(seed: 2);
        await rig.Controller.WantAsync(DeviceRig.Device, next);
        Assert.NotEqual(0, await rig.Start("chunk-20").ExitAsync());

        var before = ChunksAsked(rig, next).ToList();
        rig.Controller.Requests.Clear();
        rig.Start();
        await rig.SettledAsync(next, DeploymentState.Committed);

        var total = next.Manifest.Files.Sum(file => file.Chunks.Count);
        var after = ChunksAsked(rig, next).ToList();
        Assert.True(total > 40, "the package is too small for this test");
        // Eight chunks may be waiting for their flush and six be on their way; a file that begins anew flushes too.
        Assert.InRange(before.Count + after.Count, total, total + 16);
        Assert.DoesNotContain(rig.Controller.Requests, request => request.Digest == next.Digest);
    }

    [Fact]
    public async Task Killed_in_RolledBack()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var bad = rig.Models.Int8(seed: 3, goldenSeed: 4);
        await rig.Controller.WantAsync(DeviceRig.Device, bad);
        Assert.NotEqual(0, await rig.Start("rolledback").ExitAsync());
        Assert.Equal("rolled-back", rig.RecordedState);

        rig.Controller.Forget();
        rig.Start();
        var reported = await rig.SettledAsync(bad, DeploymentState.RolledBack);

        Assert.Equal(prepared.First.Digest, reported.Current);
        Assert.Equal(prepared.First.Digest, rig.CurrentOnDisk);
        Assert.StartsWith("gate golden agreement", reported.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("trial", "trial")]
    [InlineData("switched", "activating")]
    [InlineData("probation", "probation")]
    public async Task Killed_in_TheSameStateAgainAndAgain_EndsTheLoopOnTheOldModel(string fault, string state)
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var next = rig.Models.Int8(seed: 5);
        await rig.Controller.WantAsync(DeviceRig.Device, next);
        Assert.NotEqual(0, await rig.Start(fault).ExitAsync());
        for (var i = 1; i < 3; i++)
            Assert.NotEqual(0, await rig.Start(fault is "switched" ? fault : FaultAfterRestart(state)).ExitAsync());
        rig.Start();
        var reported = await rig.SettledAsync(next, DeploymentState.RolledBack);
        Assert.Equal(prepared.First.Digest, reported.Current);
        Assert.Equal(prepared.First.Digest, rig.CurrentOnDisk);
        Assert.Contains("without getting on", reported.Reason, StringComparison.Ordinal);
    }

    /// <summary>A restart does not enter the state anew: it dies where it acts on it again.</summary>
    private static string FaultAfterRestart(string state) => "resumed-" + state;

    private async Task GoodPackageAsync(string fault, string recorded, bool isOldServing)
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var next = rig.Models.Int8(seed: 2);
        await rig.Controller.WantAsync(DeviceRig.Device, next);
        Assert.NotEqual(0, await rig.Start(fault).ExitAsync());
        Assert.Equal(recorded, rig.RecordedState);
        Assert.Equal(isOldServing ? prepared.First.Digest : next.Digest, rig.CurrentOnDisk);

        var agent = rig.Start();
        var reported = await rig.SettledAsync(next, DeploymentState.Committed);

        Assert.Equal(next.Digest, reported.Current);
        Assert.Equal(next.Digest, rig.CurrentOnDisk);
        Assert.Null(reported.Reason);
        // Every step is in the controller's hands in the end, the one before the kill too.
        var events = await rig.Controller.EventsAsync(
            all => all.Any(e => e.Deployment?.To == DeploymentState.Committed) && all.Any(e => e.Benchmark?.Phase == Contracts.Benchmarks.BenchmarkPhase.Serving), rig.Describe);
        var steps = events.Where(e => e.Deployment is not null).OrderBy(e => e.Sequence).Select(e => e.Deployment!.To).Distinct().ToList();
        Assert.Equal(DeploymentState.Committed, steps[^1]);
        Assert.Contains(Enum.Parse<DeploymentState>(recorded, ignoreCase: true), steps);
        Assert.Equal(0, await agent.StopAsync());
        Assert.All(Directory.GetFiles(Path.Combine(rig.State, "content")), file => Assert.Equal("", Path.GetExtension(file)));
    }

    private static IEnumerable<BlobRequest> ChunksAsked(DeviceRig rig, TinyPackage package) => rig.Controller.Requests.Where(request => request.Digest != package.Digest);
}
