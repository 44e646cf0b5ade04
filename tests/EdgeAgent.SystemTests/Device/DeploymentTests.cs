using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.SystemTests.Device;

/// <summary>Deployments on the real program over a real broker: the good way, and every kind of bad package or network.</summary>
public sealed class DeploymentTests(PreparedDevice prepared) : IClassFixture<PreparedDevice>
{
    [Fact]
    public async Task FirstStart_EnrolsDeploysMeasuresAndReports()
    {
        await using var rig = await DeviceRig.CreateAsync();
        var package = rig.Models.Int8(seed: 1);
        var agent = rig.Start(enrol: true, more: ["--emulate-profile", TinyModels.Profile, "--threads", "2"]);
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        var reported = await rig.SettledAsync(package, DeploymentState.Committed);
        Assert.Equal((package.Digest, package.Manifest.Student, "r1"), (reported.Current!.Value, reported.Student, reported.Rollout));

        var events = await rig.Controller.EventsAsync(all => all.Any(e => e.Benchmark?.Phase == BenchmarkPhase.Serving), rig.Describe);
        Assert.Equal(
            [
                DeploymentState.Downloading, DeploymentState.Verifying, DeploymentState.Staged, DeploymentState.Trial,
                DeploymentState.Activating, DeploymentState.Probation, DeploymentState.Committed,
            ],
            events.Where(e => e.Deployment is not null).Select(e => e.Deployment!.To));
        foreach (var report in events.Select(e => e.Benchmark).OfType<BenchmarkReport>())
        {
            Assert.True(report.Emulated);
            Assert.Equal((TinyModels.Profile, EngineKind.Int8, 2, 1.0), (report.Profile, report.Engine, report.Threads, report.GoldenAgreement));
            Assert.True(report.Latency is { Samples: > 0, P50Us: > 0, ColdStartUs: > 0 });
            Assert.Equal((EnergySource.Estimated, null), (report.Energy!.Source, report.Energy.Sensor));
            Assert.Equal(report.Latency.P50Us * 6 / 1000, report.Energy.Mj, 1e-9);
        }
        Assert.Equal(2, events.Count(e => e.Benchmark is not null));
        Assert.Equal(events.Select(e => e.Sequence).Order(), events.Select(e => e.Sequence));
        Assert.Single(events.Select(e => (e.SpoolId, e.BootId)).Distinct());

        Assert.True(rig.Controller.Enrolled!.Emulated);
        Assert.NotEmpty(rig.Controller.Enrolled.Hardware.KernelSet);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(rig.State, "device.json")));
        // A device whose packages ask for the int8 engine never loads the other one.
        Assert.DoesNotContain("onnxruntime", await File.ReadAllTextAsync($"/proc/{agent.Id}/maps", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, await agent.StopAsync());
    }

    [Fact]
    public async Task OnnxRuntimePackage_IsServedByOnnxRuntime()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Onnx();
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        await rig.SettledAsync(package, DeploymentState.Committed);
        var events = await rig.Controller.EventsAsync(all => all.Any(e => e.Benchmark?.Phase == BenchmarkPhase.Serving), rig.Describe);
        Assert.All(events.Select(e => e.Benchmark).OfType<BenchmarkReport>(), report => Assert.Equal((EngineKind.Onnxruntime, "onnxruntime", 1.0), (report.Engine, report.KernelSet, report.GoldenAgreement)));
    }

    [Theory]
    [InlineData("unsigned")]
    [InlineData("bad-signature")]
    [InlineData("expired")]
    [InlineData("wrong-profile")]
    [InlineData("malformed")]
    [InlineData("digest-mismatch")]
    [InlineData("downgrade")]
    public async Task BadEnvelope_IsRefusedByNameBeforeAFileIsAskedFor(string refusal)
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Int8(seed: 2, manifest => refusal switch
        {
            "expired" => manifest with { Expires = TimeProvider.System.GetUtcNow().AddDays(-1) },
            "wrong-profile" => manifest with { Profile = "raspberry-pi-4" },
            "malformed" => manifest with { Files = [.. manifest.Files.Select(file => file with { Path = "../" + file.Path })] },
            "downgrade" => manifest with { Version = 0 },
            _ => manifest,
        });
        if (refusal == "unsigned")
            package = TinyModels.Resign(package);
        if (refusal == "bad-signature")
            package.Envelope.Signatures[0].Sig[3] ^= 1;
        if (refusal == "digest-mismatch")
        {
            var other = rig.Models.Int8(seed: 9).EnvelopeJson;
            rig.Controller.Answer = (request, bytes) => (BlobResponseProperties.Ok, request.Digest == package.Digest ? Fit(other, bytes.Length) : bytes);
        }
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        var reported = await rig.SettledAsync(package, DeploymentState.RolledBack);
        Assert.StartsWith(refusal + ": ", reported.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reported.Reason!);
        Assert.Equal(prepared.First.Digest, reported.Current);
        Assert.DoesNotContain(rig.Controller.Requests, request => request.Digest != package.Digest);
    }

    [Fact]
    public async Task TamperedChunk_EveryTime_IsRefusedByNameAndTheOldModelServes()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Int8(seed: 2);
        var plan = package.Manifest.File(FileRoles.Plan)!;
        rig.Controller.Answer = (request, bytes) =>
        {
            if (request.Digest == plan.Digest && request.Offset == 2 * plan.ChunkBytes)
                bytes[17] ^= 1;
            return (BlobResponseProperties.Ok, bytes);
        };
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        var reported = await rig.SettledAsync(package, DeploymentState.RolledBack);
        Assert.StartsWith("digest-mismatch: chunk 2 of model.plan", reported.Reason, StringComparison.Ordinal);
        Assert.Equal(prepared.First.Digest, reported.Current);
    }

    [Fact]
    public async Task LostBusyAndTamperedOnce_HealsByAskingAgain()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Int8(seed: 2);
        var plan = package.Manifest.File(FileRoles.Plan)!.Digest;
        HashSet<long> seen = [];
        rig.Controller.Answer = (request, bytes) =>
        {
            lock (seen)
                if (request.Digest != plan || !seen.Add(request.Offset))
                    return (BlobResponseProperties.Ok, bytes);
            switch (request.Offset / 4096)
            {
                case 0:
                    return (BlobResponseProperties.Busy, []);
                case 1:
                    bytes[0] ^= 0x80;
                    return (BlobResponseProperties.Ok, bytes);
                case 2:
                    return (BlobResponseProperties.Ok, bytes[..100]);
                default:
                    return (BlobResponseProperties.Ok, bytes);
            }
        };
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        var reported = await rig.SettledAsync(package, DeploymentState.Committed);
        Assert.Equal(package.Digest, reported.Current);
    }

    [Fact]
    public async Task BrokerGone_InMidDownload_GoesOnWhereItStopped()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Int8(seed: 2);
        var half = package.Manifest.Files.Sum(file => file.Chunks.Count) / 2;
        var answered = 0;
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        rig.Controller.Answer = (request, bytes) =>
        {
            if (request.Digest != package.Digest && Interlocked.Increment(ref answered) >= half)
                reached.TrySetResult();
            return reached.Task.IsCompleted ? null : (BlobResponseProperties.Ok, bytes);
        };
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        await reached.Task.WaitAsync(AgentProcess.Limit, TimeProvider.System, TestContext.Current.CancellationToken);
        await rig.Controller.StopBrokerAsync();
        rig.Controller.Requests.Clear();
        rig.Controller.Answer = (_, bytes) => (BlobResponseProperties.Ok, bytes);
        await rig.Controller.StartBrokerAsync();
        await rig.SettledAsync(package, DeploymentState.Committed);
        // The same process: what it had, it has; only what was on its way is asked for again.
        Assert.InRange(rig.Controller.Requests.Count, 1, half + 8);
    }

    [Fact]
    public async Task AnotherWish_InMidDownload_EndsTheFirstAndBeginsTheSecond()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var first = rig.Models.Int8(seed: 2);
        var second = rig.Models.Int8(seed: 6);
        var held = first.Manifest.File(FileRoles.Plan)!.Digest;
        rig.Controller.Answer = (request, bytes) => request.Digest == held ? null : (BlobResponseProperties.Ok, bytes);
        await rig.Controller.WantAsync(DeviceRig.Device, first, "r1");
        rig.Start();
        await rig.SettledAsync(first, DeploymentState.Downloading);
        await rig.Controller.WantAsync(DeviceRig.Device, second, "r2");
        var reported = await rig.SettledAsync(second, DeploymentState.Committed);
        Assert.Equal(second.Digest, reported.Current);
        var events = await rig.Controller.EventsAsync(all => all.Any(e => e.Deployment is { To: DeploymentState.Committed, Rollout: "r2" }), rig.Describe);
        Assert.Contains(events, e => e.Deployment is { To: DeploymentState.RolledBack, Rollout: "r1" } step && step.Reason == $"superseded by {second.Digest}");
    }

    [Fact]
    public async Task WishTakenBack_InMidDownload_LeavesTheOldModel()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var package = rig.Models.Int8(seed: 2);
        rig.Controller.Answer = (request, bytes) => request.Digest == package.Digest ? (BlobResponseProperties.Ok, bytes) : null;
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        rig.Start();
        await rig.SettledAsync(package, DeploymentState.Downloading);
        await rig.Controller.WantAsync(DeviceRig.Device, []);
        var reported = await rig.SettledAsync(package, DeploymentState.RolledBack);
        Assert.Equal("no longer wanted by the controller", reported.Reason);
        Assert.Equal(prepared.First.Digest, reported.Current);
    }

    [Fact]
    public async Task OlderRevision_IsIgnored()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var next = rig.Models.Int8(seed: 2);
        await rig.Controller.WantAsync(DeviceRig.Device, next, "r1", revision: 150);
        rig.Start();
        await rig.SettledAsync(next, DeploymentState.Committed);
        await rig.Controller.WantAsync(DeviceRig.Device, prepared.First, "r2", revision: 149);
        // A command that is answered shows that what was sent before it has been looked at.
        rig.Controller.Forget();
        await rig.Controller.CommandAsync(new DeviceCommand { Kind = DeviceCommandKind.Benchmark, Model = TinyModels.Model });
        var events = await rig.Controller.EventsAsync(all => all.Any(e => e.Benchmark is { Phase: BenchmarkPhase.Serving }), rig.Describe);
        Assert.Equal(next.Digest, events.Last(e => e.Benchmark is not null).Benchmark!.Digest);
        Assert.Contains("revision 149 is older than 150", rig.Log, StringComparison.Ordinal);
        Assert.Equal(next.Digest, rig.CurrentOnDisk);
    }

    [Fact]
    public async Task BackToThePackageBefore_IsNoDowngradeAndFetchesNoFile()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var next = rig.Models.Int8(seed: 2, manifest => manifest with { Version = 2 });
        await rig.Controller.WantAsync(DeviceRig.Device, next, "r1");
        rig.Start();
        await rig.SettledAsync(next, DeploymentState.Committed);
        rig.Controller.Forget();
        await rig.Controller.WantAsync(DeviceRig.Device, prepared.First, "r2");
        var reported = await rig.SettledAsync(prepared.First, DeploymentState.Committed);
        Assert.Equal(prepared.First.Digest, reported.Current);
        Assert.DoesNotContain(rig.Controller.Requests, request => request.Digest != prepared.First.Digest);
    }

    [Fact]
    public async Task ReportsNotAcknowledged_AreSentAgainAfterARestart()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        rig.Controller.Acknowledges = false;
        var package = rig.Models.Int8(seed: 2);
        await rig.Controller.WantAsync(DeviceRig.Device, package);
        var agent = rig.Start();
        var before = await rig.Controller.EventsAsync(all => all.Any(e => e.Benchmark?.Phase == BenchmarkPhase.Serving) || all.Any(e => e.Deployment is not null), rig.Describe);
        await rig.SettledAsync(package, DeploymentState.Committed);
        await agent.StopAsync();
        rig.Controller.Forget();
        rig.Controller.Acknowledges = true;
        rig.Start();
        var after = await rig.Controller.EventsAsync(all => all.Any(e => e.Deployment?.To == DeploymentState.Committed), rig.Describe);
        Assert.Subset(after.Select(e => (e.SpoolId, e.Sequence)).ToHashSet(), before.Select(e => (e.SpoolId, e.Sequence)).ToHashSet());
        Assert.Equal(before[0].Sequence, after[0].Sequence);
    }

    [Fact]
    public async Task FailingGate_RollsBackWithTheFigure()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var slow = rig.Models.Int8(seed: 2, manifest => manifest with { Gates = manifest.Gates with { MaxP95Us = 0.001 } });
        await rig.Controller.WantAsync(DeviceRig.Device, slow);
        rig.Start();
        var reported = await rig.SettledAsync(slow, DeploymentState.RolledBack);
        Assert.Matches("^gate p95: [0-9]+ us; at most 0 us is allowed", reported.Reason);
        Assert.Equal(prepared.First.Digest, reported.Current);
    }

    [Fact]
    public async Task DamagedContent_OfTheServingModel_IsNoticedAtTheStartAndFetchedAgain()
    {
        await using var rig = await DeviceRig.FromAsync(prepared);
        var plan = Path.Combine(rig.State, "content", prepared.First.Manifest.File(FileRoles.Plan)!.Digest.Hex);
        var bytes = await File.ReadAllBytesAsync(plan, TestContext.Current.CancellationToken);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(plan, bytes, TestContext.Current.CancellationToken);
        await rig.Controller.WantAsync(DeviceRig.Device, prepared.First, "r0");
        rig.Start();
        await rig.Controller.EventsAsync(all => all.Any(e => e.Deployment?.To == DeploymentState.Committed), rig.Describe);
        var reported = await rig.SettledAsync(prepared.First, DeploymentState.Committed);
        Assert.Equal(prepared.First.Digest, reported.Current);
        Assert.Contains("model.plan on disk is damaged or missing", rig.Log, StringComparison.Ordinal);
    }

    private static byte[] Fit(byte[] bytes, int length)
    {
        Array.Resize(ref bytes, length);
        return bytes;
    }
}
