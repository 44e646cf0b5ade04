using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>Reports are stored exactly once, refit the cost model, and change what is chosen: the loop closes.</summary>
public sealed class ReportTests
{
    [Fact]
    public async Task Reports_SentAgain_AreStoredOnceAndAcknowledgedAgain()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var acknowledged = await device.SendAsync(device.Event(1), device.Event(2), device.Event(5));
            Assert.Equal((DeviceCommandKind.AcknowledgeReports, device.Spool, 5), (acknowledged.Kind, acknowledged.SpoolId, acknowledged.Sequence));
        }
        // A batch that overlaps what is there, and one after a restart of the controller.
        await device.SendAsync(device.Event(5), device.Event(6));
        await fleet.RestartAsync();
        await using var again = await TestDevice.ConnectAsync(device.Identity, fleet.MqttPort);
        await again.SendAsync(device.Event(6), device.Event(7));
        Assert.Equal([7, 6, 5, 2, 1], (await ReportsAsync(fleet)).Select(r => r.Event.Sequence));
    }

    [Fact]
    public async Task Reports_OfSeveralDevicesAndSpools_DoNotMix()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var first = await fleet.DeviceAsync("dev-1");
        await using var second = await fleet.DeviceAsync("dev-2");
        await first.SendAsync(first.Event(1));
        await second.SendAsync(first.Event(1));
        await first.SendAsync(second.Event(1));
        Assert.Equal(3, (await ReportsAsync(fleet)).Count);
        Assert.All(await ReportsAsync(fleet, "?device=dev-2"), report => Assert.Equal("dev-2", report.Device.Value));
        Assert.Single(await ReportsAsync(fleet, "?device=dev-2"));
        Assert.Single(await ReportsAsync(fleet, "?limit=1"));
        Assert.Empty(await ReportsAsync(fleet, "?model=cifar"));
    }

    [Fact]
    public async Task SlowReports_OfTheOwnBoard_ChangeTheChosenStudent()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, large, budget) = await FamilyAsync(fleet, packages);
        await using var device = await fleet.DeviceAsync("dev-1");

        var before = await ChooseAsync(fleet, budget);
        Assert.Equal("large", before.Student);
        Assert.Contains("published", before.Reason);

        // The board turns out to be ten times slower than published.
        await ReportAsync(device, (small, 10), (large, 10));
        var fitted = (await CostModelsAsync(fleet))[0];
        Assert.Equal((CostSource.Fitted, 2, "avx2", 1), (fitted.Source, fitted.Samples, fitted.KernelSet, fitted.Threads));
        Assert.InRange(fitted.PredictUs(large.Manifest.Operators) / (10 * large.PublishedUs), 0.99, 1.01);

        var after = await ChooseAsync(fleet, budget);
        Assert.Equal("small", after.Student);
        Assert.Contains("latency budget binds", after.Reason);
        Assert.Contains("fitted to 2 reported models", after.Reason);
        Assert.InRange(after.PredictedUs / (10 * small.PublishedUs), 0.99, 1.01);
    }

    [Theory]
    [InlineData("emulated report")]
    [InlineData("emulated device")]
    [InlineData("trial")]
    [InlineData("disturbed")]
    [InlineData("other profile")]
    public async Task SlowReports_ThatAreNotTheBoards_ChangeNothing(string why)
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, large, budget) = await FamilyAsync(fleet, packages);
        await using var device = await fleet.DeviceAsync("dev-1", emulated: why == "emulated device");
        BenchmarkReport Change(BenchmarkReport report) => why switch
        {
            "emulated report" => report with { Emulated = true },
            "trial" => report with { Phase = BenchmarkPhase.Trial },
            "disturbed" => report with { Latency = report.Latency with { Valid = false, Reasons = ["throttled"] } },
            "other profile" => report with { Profile = "raspberry-pi-4" },
            _ => report,
        };
        await device.SendAsync(device.Event(1, Change(small.Report(10))), device.Event(2, Change(large.Report(10))));

        Assert.All(await CostModelsAsync(fleet), model => Assert.Equal(CostSource.Published, model.Source));
        Assert.Equal("large", (await ChooseAsync(fleet, budget)).Student);
        // Stored and shown all the same, and labelled.
        var stored = await ReportsAsync(fleet, $"?model={TestPackages.Model}");
        Assert.Equal(2, stored.Count);
        Assert.All(stored, report => Assert.Equal(why == "emulated report", report.Event.Benchmark!.Emulated));
        if (why == "emulated device")
            Assert.True((await fleet.GetAsync(FleetRoutes.Device(device.Id), ContractsJson.Default.DeviceSummary)).Emulated);
    }

    [Fact]
    public async Task MeasuredPeaks_OfTheOwnBoard_AreTheStartingValuesUntilItReports()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, large, budget) = await FamilyAsync(fleet, packages);
        var profile = ProfileLoader.LoadById(TestFleet.Profiles, TestPackages.Profile);
        RooflineReport TimesSlower(double factor) => new(
            "avx2", profile.Cpu.Int8MacsPerCycle.Value * profile.Cpu.ClockGhz.Value / factor, 1, [new(16384, 1)], profile.Memory.CopyGBps.Value / factor, 1);

        await fleet.EnrolAsync("emulated", emulated: true, roofline: TimesSlower(5));
        await fleet.EnrolAsync("silent");
        Assert.Equal(0, (await CostModelsAsync(fleet))[0].Rooflines);
        await using var device = await TestDevice.ConnectAsync(await fleet.EnrolAsync("dev-1", roofline: TimesSlower(4)), fleet.MqttPort);

        var starting = (await CostModelsAsync(fleet))[0];
        Assert.Equal((CostSource.Published, 1, "avx2"), (starting.Source, starting.Rooflines, starting.KernelSet));
        Assert.Equal(4, starting.PredictUs(large.Manifest.Operators) / large.PublishedUs, 1e-6);
        Assert.Contains("at the peaks that 1 device measured", (await ChooseAsync(fleet, budget)).Reason);

        await ReportAsync(device, (small, 10), (large, 10));
        var fitted = (await CostModelsAsync(fleet))[0];
        Assert.Equal(CostSource.Fitted, fitted.Source);
        Assert.Equal(10, fitted.PredictUs(large.Manifest.Operators) / large.PublishedUs, 0.1);
    }

    [Fact]
    public async Task Reports_OfOneModel_CountByTheirMedian()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, _, _) = await FamilyAsync(fleet, packages);
        await using var device = await fleet.DeviceAsync("dev-1");
        await ReportAsync(device, (small, 3), (small, 2), (small, 100));
        var fitted = (await CostModelsAsync(fleet))[0];
        Assert.Equal(1, fitted.Samples);
        Assert.InRange(fitted.PredictUs(small.Manifest.Operators) / (3 * small.PublishedUs), 0.99, 1.01);
    }

    [Fact]
    public async Task CostModel_AfterARestart_IsStillFitted()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, large, _) = await FamilyAsync(fleet, packages);
        await using (var device = await fleet.DeviceAsync("dev-1"))
            await ReportAsync(device, (small, 10), (large, 10));
        var before = (await CostModelsAsync(fleet))[0];
        await fleet.RestartAsync();
        var after = (await CostModelsAsync(fleet))[0];
        Assert.Equal(before.UsPerUnit, after.UsPerUnit);
    }

    [Fact]
    public async Task CostModels_OfDifferentKernels_AreNotMixed()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var (small, large, _) = await FamilyAsync(fleet, packages);
        await using var device = await fleet.DeviceAsync("dev-1");
        await device.SendAsync(
            device.Event(1, small.Report(2)),
            device.Event(2, large.Report(2)),
            device.Event(3, small.Report(8) with { KernelSet = "sse41" }),
            device.Event(4, large.Report(1) with { Threads = 2 }));
        var models = (await CostModelsAsync(fleet)).Where(m => m.Source == CostSource.Fitted).ToList();
        Assert.Equal([("avx2", 1, 2), ("sse41", 1, 1), ("avx2", 2, 1)], models.Select(m => (m.KernelSet!, m.Threads, m.Samples)));
    }

    /// <summary>Two students; by the published cost model the better one takes a tenth of the budget.</summary>
    private static async Task<(TestPackage Small, TestPackage Large, double BudgetMs)> FamilyAsync(TestFleet fleet, TestPackages packages)
    {
        await fleet.PutProfileAsync();
        var small = packages.Create("small", accuracy: 0.6, megaMacs: 5);
        var large = packages.Create("large", accuracy: 0.8, megaMacs: 100);
        await fleet.UploadAsync(small);
        await fleet.UploadAsync(large);
        return (small, large, large.PublishedUs / 1000 * 5);
    }

    private static Task<DeviceCommand> ReportAsync(TestDevice device, params (TestPackage Package, double TimesSlower)[] measured) =>
        device.SendAsync([.. measured.Select((m, i) => device.Event(i + 1, m.Package.Report(m.TimesSlower)))]);

    /// <summary>What a rollout would choose now; it is aborted at once.</summary>
    private static async Task<RolloutChoice> ChooseAsync(TestFleet fleet, double budgetMs)
    {
        var started = await fleet.PostAsync(
            FleetRoutes.Rollouts, new RolloutRequest { Model = TestPackages.Model, Budgets = new ProfileBudgets(MaxLatencyMs: budgetMs) }, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus);
        if (started.State == RolloutState.Running)
            (await fleet.Admin.PostAsync(FleetRoutes.RolloutAction(started.Id, "abort"), null, TestFleet.Cancellation)).Dispose();
        return started.Choices[TestPackages.Profile];
    }

    private static Task<IReadOnlyList<CostModel>> CostModelsAsync(TestFleet fleet) =>
        fleet.GetAsync(FleetRoutes.CostModelsOf(TestPackages.Profile), ContractsJson.Default.IReadOnlyListCostModel);

    private static Task<IReadOnlyList<StoredReport>> ReportsAsync(TestFleet fleet, string query = "") =>
        fleet.GetAsync(FleetRoutes.Reports + query, ContractsJson.Default.IReadOnlyListStoredReport);
}
