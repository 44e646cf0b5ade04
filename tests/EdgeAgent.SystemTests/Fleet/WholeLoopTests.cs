using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.SystemTests.Device;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>The real controller and the real agent, with real models between them.</summary>
public sealed class WholeLoopTests : IDisposable
{
    private readonly string _state = Directory.CreateTempSubdirectory("fleet-loop-").FullName;
    private readonly TinyModels _models = new();

    public void Dispose()
    {
        _models.Dispose();
        Directory.Delete(_state, recursive: true);
    }

    [Fact]
    public async Task Agent_InARollout_DownloadsCommitsAndReports()
    {
        await using var fleet = await TestFleet.StartAsync();
        var package = _models.Int8(seed: 1);
        var rollout = await RollOutAsync(fleet, package);
        await using var agent = await EnrolAsync(fleet);
        await fleet.Log.WaitForAsync($"Rollout {rollout} of {TinyModels.Model} is Completed");

        var device = await fleet.GetAsync(FleetRoutes.Device(DeviceRig.Device), ContractsJson.Default.DeviceSummary);
        var reported = device.Reported!.Models[TinyModels.Model];
        Assert.Equal((package.Digest, package.Manifest.Student, DeploymentState.Committed), (reported.Current!.Value, reported.Student, reported.State));
        Assert.True(device.Online);
        Assert.NotEqual("test", device.Hardware.Cpu);

        var reports = await ReportsUntilServingAsync(fleet);
        Assert.Equal(
            [DeploymentState.Downloading, DeploymentState.Verifying, DeploymentState.Staged, DeploymentState.Trial, DeploymentState.Activating, DeploymentState.Probation, DeploymentState.Committed],
            reports.Reverse().Where(r => r.Event.Deployment is not null).Select(r => r.Event.Deployment!.To));
        Assert.All(reports.Where(r => r.Event.Benchmark is not null), r => Assert.Equal((1, false), (r.Event.Benchmark!.GoldenAgreement, r.Event.Benchmark.Emulated)));
        Assert.Equal(0, await agent.StopAsync());
        await fleet.Log.WaitForAsync($"{DeviceRig.Device} is offline");
    }

    [Fact]
    public async Task Agent_WhoseTrialFails_HaltsTheRolloutWithItsReason()
    {
        await using var fleet = await TestFleet.StartAsync();
        // Golden outputs of other weights: the package is whole and signed, and wrong.
        var rollout = await RollOutAsync(fleet, _models.Int8(seed: 1, goldenSeed: 2));
        await using var agent = await EnrolAsync(fleet);
        await fleet.Log.WaitForAsync($"Rollout {rollout} of {TinyModels.Model} is Halted");
        var halted = await fleet.GetAsync(FleetRoutes.Rollout(rollout), ContractsJson.Default.RolloutStatus);
        Assert.Contains("golden", halted.Reason);
        Assert.Equal(DeploymentState.RolledBack, halted.Waves.SelectMany(w => w.Devices).Single().State);
    }

    [Fact]
    public async Task Agent_WhoseControllerRestarts_ComesBackAndGetsTheNextVersion()
    {
        // The same port again, as a controller has in a fleet.
        var port = 0;
        await using var fleet = await TestFleet.StartAsync(configure: options => options with { MqttPort = port });
        port = fleet.MqttPort;
        var first = await RollOutAsync(fleet, _models.Int8(seed: 1));
        await using var agent = await EnrolAsync(fleet);
        await fleet.Log.WaitForAsync($"Rollout {first} of {TinyModels.Model} is Completed");

        await fleet.RestartAsync();
        var next = _models.Int8(seed: 2, manifest => manifest with { Version = 2 });
        var second = await RollOutAsync(fleet, next);
        await fleet.Log.WaitForAsync($"Rollout {second} of {TinyModels.Model} is Completed");
        var device = await fleet.GetAsync(FleetRoutes.Device(DeviceRig.Device), ContractsJson.Default.DeviceSummary);
        Assert.Equal(next.Digest, device.Reported!.Models[TinyModels.Model].Current);
    }

    /// <summary>A rollout to the whole fleet: what enrols later joins.</summary>
    private async Task<string> RollOutAsync(TestFleet fleet, TinyPackage package)
    {
        await fleet.PutProfileAsync(TinyModels.Profile);
        await fleet.UploadAsync(new TestPackage(package.Envelope, package.Manifest, package.Files, _models.PublicKeyPem));
        var started = await fleet.PostAsync(FleetRoutes.Rollouts, new RolloutRequest { Model = TinyModels.Model }, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus);
        if (started.State == RolloutState.Completed)
            await fleet.Log.WaitForAsync($"Rollout {started.Id} of {TinyModels.Model} is Completed");
        return started.Id;
    }

    private async Task<AgentProcess> EnrolAsync(TestFleet fleet) => AgentProcess.Start(AgentProgram.Built,
    [
        "--controller", fleet.Url, "--enrol-token", await fleet.TokenAsync(), "--device", DeviceRig.Device.Value, "--profile", TinyModels.Profile,
        "--state", _state, "--benchmark-seconds", "0.1", "--probation-seconds", "0.1", "--no-energy-windows",
    ]);

    /// <summary>All reports, newest first, once the model that serves has been measured.</summary>
    private static async Task<IReadOnlyList<StoredReport>> ReportsUntilServingAsync(TestFleet fleet)
    {
        while (true)
        {
            var reports = await fleet.GetAsync(FleetRoutes.Reports, ContractsJson.Default.IReadOnlyListStoredReport);
            if (reports.Any(r => r.Event.Benchmark?.Phase == BenchmarkPhase.Serving))
                return reports;
            await fleet.Log.WaitForAsync($"{DeviceRig.Device} reported");
        }
    }
}
