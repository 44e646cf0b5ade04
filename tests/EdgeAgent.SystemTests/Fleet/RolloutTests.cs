using System.Net;
using System.Net.Http.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>Rollouts with devices that say exactly what the test wants.</summary>
public sealed class RolloutTests
{
    private static CancellationToken Cancellation => TestFleet.Cancellation;

    [Fact]
    public async Task Rollout_InTwoWaves_TellsTheRestAfterTheCanaryCommitted()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 5);
        var package = await PrepareAsync(fleet, packages);

        var started = await StartAsync(fleet);
        Assert.Equal(RolloutState.Running, started.State);
        Assert.Equal([WaveState.Running, WaveState.Pending], started.Waves.Select(w => w.State));
        Assert.Equal([1, 4], started.Waves.Select(w => w.Devices.Count));
        Assert.Equal(package.Digest, started.Choices[TestPackages.Profile].Digest);

        var canary = devices[started.Waves[0].Devices[0].Device];
        var wanted = await canary.DesiredAsync();
        Assert.Equal((package.Digest, started.Id), (wanted.Models[TestPackages.Model].Digest, wanted.Models[TestPackages.Model].Rollout));
        foreach (var state in new[] { DeploymentState.Downloading, DeploymentState.Verifying, DeploymentState.Staged, DeploymentState.Trial, DeploymentState.Activating, DeploymentState.Probation })
        {
            await canary.ReportAsync(wanted, state);
            var now = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
            Assert.Equal(state, now.Waves[0].Devices[0].State);
            Assert.Equal(WaveState.Pending, now.Waves[1].State);
        }
        Assert.All(devices.Except(canary), device => Assert.False(device.HasReceived(TopicKind.Desired)));

        await canary.ReportAsync(wanted, DeploymentState.Committed);
        Assert.Equal([WaveState.Done, WaveState.Running], (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).Waves.Select(w => w.State));
        foreach (var device in devices.Except(canary))
            await device.ReportAsync(await device.DesiredAsync(), DeploymentState.Committed);

        var done = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
        Assert.Equal((RolloutState.Completed, "all 5 devices committed"), (done.State, done.Reason));
        Assert.All(done.Waves, wave => Assert.Equal(WaveState.Done, wave.State));
    }

    [Fact]
    public async Task Rollout_WhoseCanaryRollsBack_HaltsAndTakesThePackageBack()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 3);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        var canary = devices[started.Waves[0].Devices[0].Device];
        var wanted = await canary.DesiredAsync();
        await canary.ReportAsync(wanted, DeploymentState.RolledBack, "gate p95: 900 us; at most 500 us is allowed");

        var halted = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
        Assert.Equal(RolloutState.Halted, halted.State);
        Assert.Contains("1 of 1 devices rolled back", halted.Reason);
        Assert.Contains("gate p95", halted.Reason);
        Assert.Equal([WaveState.Halted, WaveState.Pending], halted.Waves.Select(w => w.State));
        var withdrawn = await canary.DesiredAsync();
        Assert.Empty(withdrawn.Models);
        Assert.True(withdrawn.Revision > wanted.Revision);
        Assert.All(devices.Except(canary), device => Assert.False(device.HasReceived(TopicKind.Desired)));
    }

    [Fact]
    public async Task Rollout_ThatToleratesFailures_HaltsOnlyAboveTheShare()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 4);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet, request => request with { Waves = [1], MaxFailureShare = 0.25 });
        var told = started.Waves[0].Devices.Select(d => devices[d.Device]).ToList();
        var wanted = await Task.WhenAll(told.Select(d => d.DesiredAsync()));
        await told[0].ReportAsync(wanted[0], DeploymentState.RolledBack, "first");
        Assert.Equal(RolloutState.Running, (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).State);
        await told[1].ReportAsync(wanted[1], DeploymentState.Committed);
        await told[2].ReportAsync(wanted[2], DeploymentState.RolledBack, "second");
        var halted = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
        Assert.Equal(RolloutState.Halted, halted.State);
        Assert.Contains("2 of 4 devices rolled back (25 % are allowed)", halted.Reason);

        // What has not committed goes back; what has, stays.
        Assert.Empty((await told[3].DesiredAsync()).Models);
        Assert.Empty((await told[0].DesiredAsync()).Models);
        Assert.False(told[1].HasReceived(TopicKind.Desired));

        // An operator accepts the failures: the device that was under way is told again.
        await ActAsync(fleet, started.Id, "resume");
        await told[3].ReportAsync(await told[3].DesiredAsync(), DeploymentState.Committed);
        var done = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
        Assert.Equal((RolloutState.Completed, "2 devices committed, 2 rolled back, which the request allows"), (done.State, done.Reason));
    }

    [Fact]
    public async Task Rollout_ThatIsPaused_TellsNobodyElseUntilItIsResumed()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 2);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        var canary = devices[started.Waves[0].Devices[0].Device];
        var rest = devices.Except(canary).Single();
        Assert.Equal(RolloutState.Paused, (await ActAsync(fleet, started.Id, "pause")).State);
        await canary.ReportAsync(await canary.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal([WaveState.Done, WaveState.Pending], (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).Waves.Select(w => w.State));
        Assert.False(rest.HasReceived(TopicKind.Desired));

        Assert.Equal(RolloutState.Running, (await ActAsync(fleet, started.Id, "resume")).State);
        await rest.ReportAsync(await rest.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal(RolloutState.Completed, (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).State);
    }

    [Fact]
    public async Task Rollout_ThatIsAborted_GoesBackToWhatWasWantedBefore()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        var first = await PrepareAsync(fleet, packages);
        var device = devices.All.Single();
        var before = await StartAsync(fleet);
        await device.ReportAsync(await device.DesiredAsync(), DeploymentState.Committed);

        await fleet.UploadAsync(packages.Create("large", version: 2));
        var second = await StartAsync(fleet);
        await device.ReportAsync(await device.DesiredAsync(), DeploymentState.Downloading);
        Assert.Equal(RolloutState.Aborted, (await ActAsync(fleet, second.Id, "abort")).State);
        var back = (await device.DesiredAsync()).Models[TestPackages.Model];
        Assert.Equal((first.Digest, before.Id), (back.Digest, back.Rollout));
    }

    [Theory]
    [InlineData("resume")]
    [InlineData("explode")]
    public async Task Action_ThatDoesNotFit_IsRefused(string action)
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.RolloutAction(started.Id, action), null, Cancellation);
        Assert.Equal(action == "resume" ? HttpStatusCode.Conflict : HttpStatusCode.NotFound, answer.StatusCode);
        Assert.NotEmpty(await TestFleet.DetailAsync(answer));
    }

    [Fact]
    public async Task Rollout_OfAModelThatIsBeingRolledOut_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.Rollouts, JsonContent.Create(new RolloutRequest { Model = TestPackages.Model }, ContractsJson.Default.RolloutRequest), Cancellation);
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains(started.Id, await TestFleet.DetailAsync(answer));
    }

    [Fact]
    public async Task Rollout_ThatHalted_IsNotResumedBesideAnother()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        await PrepareAsync(fleet, packages);
        var device = devices.All.Single();
        var halted = await StartAsync(fleet);
        await device.ReportAsync(await device.DesiredAsync(), DeploymentState.RolledBack, "gate");
        var running = await StartAsync(fleet);
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.RolloutAction(halted.Id, "resume"), null, Cancellation);
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains(running.Id, await TestFleet.DetailAsync(answer));
    }

    [Fact]
    public async Task Controller_RestartedInTheMiddle_GoesOn()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 3);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        var canary = started.Waves[0].Devices[0].Device;
        var before = await devices[canary].DesiredAsync();

        await fleet.RestartAsync();
        Assert.All(await fleet.GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary), device => Assert.False(device.Online));
        await devices.ReconnectAsync(fleet.MqttPort);
        // Published again: the broker forgot it with the process.
        var wanted = await devices[canary].DesiredAsync();
        Assert.Equal((before.Revision, before.Models[TestPackages.Model]), (wanted.Revision, wanted.Models[TestPackages.Model]));
        await devices[canary].ReportAsync(wanted, DeploymentState.Committed);

        await fleet.RestartAsync();
        await devices.ReconnectAsync(fleet.MqttPort);
        foreach (var device in devices.Except(devices[canary]))
            await device.ReportAsync(await device.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal(RolloutState.Completed, (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).State);
    }

    [Fact]
    public async Task Device_ThatEnrolsLate_JoinsTheRunningAndTheCompletedRollout()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        var package = await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        var canary = devices.All.Single();

        await using var late = await fleet.DeviceAsync("late");
        var joined = await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus);
        Assert.Equal([late.Id], joined.Waves[1].Devices.Select(d => d.Device));
        Assert.False(late.HasReceived(TopicKind.Desired));
        await canary.ReportAsync(await canary.DesiredAsync(), DeploymentState.Committed);
        await late.ReportAsync(await late.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal(RolloutState.Completed, (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).State);

        await using var later = await fleet.DeviceAsync("later");
        var wanted = await later.DesiredAsync();
        Assert.Equal((package.Digest, started.Id), (wanted.Models[TestPackages.Model].Digest, wanted.Models[TestPackages.Model].Rollout));
        Assert.Equal(RolloutState.Running, (await fleet.GetAsync(FleetRoutes.Rollout(started.Id), ContractsJson.Default.RolloutStatus)).State);
        await later.ReportAsync(wanted, DeploymentState.Committed);
        Assert.Equal((RolloutState.Completed, "all 3 devices committed"), await StateAsync(fleet, started.Id));

        await using var other = await fleet.DeviceAsync("other", profile: "raspberry-pi-4");
        await other.SendAsync(other.Event(1));
        Assert.False(other.HasReceived(TopicKind.Desired));
    }

    [Fact]
    public async Task Report_ThatAnswersAnEarlierWish_DoesNotCount()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        await PrepareAsync(fleet, packages);
        var device = devices.All.Single();
        var started = await StartAsync(fleet);
        var wanted = await device.DesiredAsync();
        await device.ReportAsync(wanted with { Revision = wanted.Revision - 1 }, DeploymentState.Committed);
        Assert.Equal(RolloutState.Running, (await StateAsync(fleet, started.Id)).State);
        await device.ReportAsync(wanted with { Models = new Dictionary<string, DesiredModel> { [TestPackages.Model] = wanted.Models[TestPackages.Model] with { Digest = Sha256Digest.Of("other"u8) } } }, DeploymentState.Committed);
        Assert.Equal(RolloutState.Running, (await StateAsync(fleet, started.Id)).State);
    }

    [Fact]
    public async Task Device_ThatIsRemoved_IsNotWaitedFor()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 2);
        await PrepareAsync(fleet, packages);
        var started = await StartAsync(fleet);
        var canary = started.Waves[0].Devices[0].Device;
        using (var removed = await fleet.Admin.DeleteAsync(FleetRoutes.Device(canary), Cancellation))
            removed.EnsureSuccessStatusCode();
        var rest = devices.Except(devices[canary]).Single();
        await rest.ReportAsync(await rest.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal(RolloutState.Completed, (await StateAsync(fleet, started.Id)).State);
    }

    [Fact]
    public async Task Rollout_ToNamedDevices_TellsOnlyThem()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 3);
        await PrepareAsync(fleet, packages);
        var chosen = devices.All[1];
        var started = await StartAsync(fleet, request => request with { Devices = [chosen.Id], Waves = [1] });
        Assert.Equal([chosen.Id], started.Waves.SelectMany(w => w.Devices).Select(d => d.Device));
        await chosen.ReportAsync(await chosen.DesiredAsync(), DeploymentState.Committed);
        Assert.Equal(RolloutState.Completed, (await StateAsync(fleet, started.Id)).State);
        await using var late = await fleet.DeviceAsync("late");
        await late.SendAsync(late.Event(1));
        Assert.False(late.HasReceived(TopicKind.Desired));
    }

    [Fact]
    public async Task Rollout_WithAPick_TakesItInsteadOfTheControllersChoice()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await using var devices = await Devices.EnrolAsync(fleet, 1);
        await PrepareAsync(fleet, packages);
        var tiny = await fleet.UploadAsync(packages.Create("tiny", accuracy: 0.5, megaMacs: 1));
        var started = await StartAsync(fleet, request => request with { Picks = new Dictionary<string, Sha256Digest> { [TestPackages.Profile] = tiny.Digest } });
        Assert.Equal((tiny.Digest, "picked by the operator"), (started.Choices[TestPackages.Profile].Digest, started.Choices[TestPackages.Profile].Reason));
        Assert.Equal(tiny.Digest, (await devices.All.Single().DesiredAsync()).Models[TestPackages.Model].Digest);
    }

    private static async Task<PackageSummary> PrepareAsync(TestFleet fleet, TestPackages packages)
    {
        await fleet.PutProfileAsync();
        return await fleet.UploadAsync(packages.Create("small"));
    }

    private static Task<RolloutStatus> StartAsync(TestFleet fleet, Func<RolloutRequest, RolloutRequest>? configure = null)
    {
        var request = new RolloutRequest { Model = TestPackages.Model };
        return fleet.PostAsync(FleetRoutes.Rollouts, configure?.Invoke(request) ?? request, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus);
    }

    private static async Task<RolloutStatus> ActAsync(TestFleet fleet, string id, string action)
    {
        using (var answer = await fleet.Admin.PostAsync(FleetRoutes.RolloutAction(id, action), null, Cancellation))
            answer.EnsureSuccessStatusCode();
        return await fleet.GetAsync(FleetRoutes.Rollout(id), ContractsJson.Default.RolloutStatus);
    }

    private static async Task<(RolloutState State, string? Reason)> StateAsync(TestFleet fleet, string id)
    {
        var status = await fleet.GetAsync(FleetRoutes.Rollout(id), ContractsJson.Default.RolloutStatus);
        return (status.State, status.Reason);
    }

    private sealed class Devices(List<TestDevice> devices) : IAsyncDisposable
    {
        public IReadOnlyList<TestDevice> All => devices;

        public TestDevice this[DeviceId id] => devices.Single(d => d.Id == id);

        public static async Task<Devices> EnrolAsync(TestFleet fleet, int count)
        {
            var devices = new List<TestDevice>();
            for (var i = 0; i < count; i++)
                devices.Add(await fleet.DeviceAsync($"dev-{i}"));
            return new Devices(devices);
        }

        public IEnumerable<TestDevice> Except(TestDevice device) => devices.Where(d => d.Id != device.Id);

        public async Task ReconnectAsync(int port)
        {
            for (var i = 0; i < devices.Count; i++)
            {
                await devices[i].DisposeAsync();
                devices[i] = await TestDevice.ConnectAsync(devices[i].Identity, port);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var device in devices)
                await device.DisposeAsync();
        }
    }
}
