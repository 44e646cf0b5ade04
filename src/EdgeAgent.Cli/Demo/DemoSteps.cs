using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Commands;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Compression;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.Demo;

/// <summary>What <c>edgectl demo</c> does, in its order; every step is what the commands of the same name do.</summary>
internal sealed class DemoSteps(Terminal terminal, string folder, bool quick)
{
    private const string Model = "shapes";
    private const int TestPerClass = 100;

    private readonly int _trainPerClass = quick ? 100 : 400, _teacherSteps = quick ? 40 : 500;
    private readonly TimeSpan _teacherTime = TimeSpan.FromSeconds(quick ? 4 : 40), _familyTime = TimeSpan.FromSeconds(quick ? 25 : 70);

    private readonly long _start = TimeProvider.System.GetTimestamp();
    private readonly (HostKind Full, HostKind Baseline) _kinds = HostMachine.Describe();

    /// <summary>Everything that the demo writes is in here.</summary>
    public string Folder => folder;

    public double Seconds => TimeProvider.System.GetElapsedTime(_start).TotalSeconds;

    private string TrainPath => Path.Combine(folder, "train.zip");

    private string TestPath => Path.Combine(folder, "test.zip");

    private string TeacherPath => Path.Combine(folder, "teacher.onnx");

    public void DrawImages(CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        Say(Units.Text($"drawing {ShapeClass.All.Count} classes of shapes: {ShapeClass.All.Count * _trainPerClass} images to train with, {ShapeClass.All.Count * TestPerClass} to test"));
        ShapeDataSet.Write(TrainPath, _trainPerClass, seed: 1, cancellation);
        ShapeDataSet.Write(TestPath, TestPerClass, seed: 2, cancellation);
    }

    public void TrainTeacher(CancellationToken cancellation)
    {
        Say(Units.Text($"training a teacher, {_teacherSteps} steps"));
        CompressionBar.Run(terminal, progress =>
        {
            TeacherTrainer.Train(TrainPath, TeacherPath, ShapeImage.Side, _teacherSteps, _teacherTime, seed: 1, progress, cancellation);
            return true;
        });
    }

    public FamilyReport MakeFamily(CancellationToken cancellation)
    {
        Say(Units.Text($"compressing it into students for {_kinds.Full.Profile.Id} and {_kinds.Baseline.Profile.Id}, {_familyTime.TotalSeconds:0} s"));
        return CompressCommand.Run(terminal, new CompressionOptions
        {
            ModelPath = TeacherPath,
            DataPath = TrainPath,
            TestPath = TestPath,
            OutDirectory = Path.Combine(folder, "family"),
            Profiles = [_kinds.Full.Profile, _kinds.Baseline.Profile],
            Budget = _familyTime,
            // As for the teacher: models this small gain little from a second thread, and lose much on a busy machine.
            Threads = 1,
            Name = Model,
        }, cancellation);
    }

    public (IReadOnlyList<PackageDirectory> Packages, string PublicKey) SignPackages(FamilyReport family)
    {
        Say("signing a package of every student; the private key stays here");
        var key = KeysCommand.Write(Path.Combine(folder, "signing.pem"));
        using var signer = KeysCommand.ReadSigner(key.PrivateKey);
        var now = TimeProvider.System.GetUtcNow();
        var packages = FamilyPackages.Sign(family.OutDir, Path.Combine(folder, "packages"), signer, Model, now.ToUnixTimeSeconds(), now.AddDays(30));
        return (packages, signer.PublicKeyPem);
    }

    public async Task<DemoFleet> StartFleetAsync(IReadOnlyList<PackageDirectory> packages, string publicKey, CancellationToken cancellation)
    {
        Say("starting edge-fleet, and three agents that differ");
        var fleet = await DemoFleet.StartAsync(Path.Combine(folder, "fleet"), cancellation);
        try
        {
            // The key first: devices pin what the controller trusts when they enrol.
            await fleet.Client.TrustAsync(publicKey, cancellation);
            await fleet.EnrolAsync(Devices(), cancellation);
            foreach (var package in packages)
                await fleet.Client.UploadAsync(package, cancellation);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public async Task<RolloutStatus> RollOutAsync(DemoFleet fleet, FamilyReport family, CancellationToken cancellation)
    {
        // The weaker machine gets a budget that its most accurate student exceeds, so that there is something to weigh.
        var budget = TightBudgetMs(family, _kinds.Baseline.Profile.Id);
        var baseline = _kinds.Baseline.WithLatencyBudget(budget);
        await fleet.Client.PutProfileAsync(baseline.Profile.Id, baseline.Document, cancellation);
        Say(Units.Text($"rolling out in two waves: a canary of each profile, then the rest ({baseline.Profile.Id} may take {budget:0.000} ms)"));
        var status = await fleet.Client.StartRolloutAsync(new RolloutRequest { Model = Model, Waves = [0.5, 1] }, cancellation);
        return await RolloutCommand.WatchAsync(fleet.Client, status, terminal.Note, cancellation);
    }

    public async Task<DemoDocument> CollectAsync(DemoFleet fleet, FamilyReport family, RolloutStatus rollout, CancellationToken cancellation)
    {
        Say("waiting for what the devices measured");
        var devices = Devices();
        var committed = rollout.Waves.SelectMany(w => w.Devices).Count(d => d.State == DeploymentState.Committed);
        IReadOnlyList<StoredReport> reports = [];
        await fleet.WaitAsync(async () =>
        {
            reports = await fleet.Client.ReportsAsync(null, Model, 1000, cancellation);
            return reports.Where(r => r.Event.Benchmark?.Phase == BenchmarkPhase.Serving).Select(r => r.Device).Distinct().Count() >= committed;
        }, "reports of the devices that serve did not arrive", cancellation);

        var summaries = (await fleet.Client.DevicesAsync(cancellation)).ToDictionary(d => d.Device);
        return new DemoDocument(
            CliJson.Schema,
            new DemoTeacherDocument(family.Teacher.Top1, family.Teacher.Interval, family.Teacher.ModelBytes, family.Teacher.P50Us, ShapeClass.All.Count),
            [.. family.Students.Select(s => new DemoStudent(s.Name, s.Profile, s.Top1, s.Interval, s.RelativeTop1, s.OnnxBytes, s.PlanBytes, s.TimesSmaller, s.Macs, s.PredictedUs))],
            [.. devices.Select(d => Describe(d, summaries[d.Id], rollout, reports))],
            new DemoRolloutDocument([.. rollout.Waves.Select(w => new DemoWave(w.Share, w.State, [.. w.Devices.Select(d => d.Device.Value)]))], rollout.State, rollout.Reason),
            Seconds);
    }

    /// <summary>What the fleet now knows of this machine that no data sheet says.</summary>
    public async Task<IReadOnlyList<(CostModel Before, CostModel After)>> CostsAsync(DemoFleet fleet, CancellationToken cancellation)
    {
        var costs = new List<(CostModel, CostModel)>();
        foreach (var profile in (DeviceProfile[])[_kinds.Full.Profile, _kinds.Baseline.Profile])
            foreach (var fitted in (await fleet.Client.CostModelsAsync(profile.Id, cancellation)).Where(m => m.Source == CostSource.Fitted))
                costs.Add((PublishedCost.Of(profile, fitted.Precision, fitted.Threads), fitted));
        return costs;
    }

    private IReadOnlyList<DemoDevice> Devices()
    {
        var prefix = _kinds.Full.Profile.Cpu.Architecture;
        return
        [
            new(DeviceId.Parse($"{prefix}-1-thread"), _kinds.Full, 1),
            new(DeviceId.Parse($"{prefix}-2-threads"), _kinds.Full, 2),
            new(DeviceId.Parse($"{prefix}-baseline"), _kinds.Baseline, 1),
        ];
    }

    private static DemoDeviceDocument Describe(DemoDevice device, DeviceSummary summary, RolloutStatus rollout, IReadOnlyList<StoredReport> reports)
    {
        var state = rollout.Waves.SelectMany(w => w.Devices).FirstOrDefault(d => d.Device == device.Id)?.State ?? DeploymentState.Idle;
        // Newest first: the measurement of the model that serves, else that of its trial.
        var benchmarks = reports.Where(r => r.Device == device.Id && r.Event.Benchmark is not null).Select(r => r.Event.Benchmark!).ToList();
        var benchmark = benchmarks.Find(b => b.Phase == BenchmarkPhase.Serving) ?? benchmarks.FirstOrDefault();
        var student = summary.Reported?.Models.GetValueOrDefault(Model)?.Student;
        return new DemoDeviceDocument(
            device.Id.Value, device.Kind.Profile.Id, device.Threads, summary.Hardware.KernelSet, student,
            rollout.Choices.GetValueOrDefault(device.Kind.Profile.Id)?.Reason,
            benchmark?.Latency.P50Us, benchmark?.Latency.P95Us, benchmark?.Energy?.Mj, benchmark?.Energy?.Source, benchmark?.Phase, benchmark?.Latency.Valid, state);
    }

    /// <summary>Between the two slowest predictions, in milliseconds; above the only one.</summary>
    private static double TightBudgetMs(FamilyReport family, string profile)
    {
        var slowest = family.Students.Where(s => s.Profile == profile).Select(s => s.PredictedUs).OrderDescending().Take(2).ToList();
        return slowest switch
        {
            [var first, var second] => (first + second) / 2 / 1000,
            [var only] => only * 1.5 / 1000,
            _ => throw new CommandException($"no student was made for {profile}"),
        };
    }

    private void Say(string line) => terminal.Note(Units.Text($"[{Seconds,5:0.0} s] {line}"));
}
