using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Benchmark;
using EdgeAgent.Device.Deployment;
using EdgeAgent.Device.Hardware;

namespace EdgeAgent.Tests.Device;

public sealed class BenchmarkTests : IDisposable
{
    private readonly TemporaryFolder _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void WarmUp_FallingMeans_IsNotSteadyUntilTheLimit()
    {
        var warmUp = new WarmUp();
        for (var i = 0; i < 49; i++)
        {
            warmUp.Add(1000 - i);
            Assert.False(warmUp.IsSteady);
        }
        warmUp.Add(0);
        Assert.True(warmUp.IsSteady);
    }

    [Fact]
    public void WarmUp_FourTurns_IsSteadyAfterSixBatches()
    {
        var warmUp = new WarmUp();
        foreach (var mean in new[] { 100.0, 50, 51, 49, 52 })
        {
            warmUp.Add(mean);
            Assert.False(warmUp.IsSteady);
        }
        warmUp.Add(50);
        Assert.True(warmUp.IsSteady);
    }

    [Fact]
    public void Run_BudgetEnds_ReportsWhatCame()
    {
        var time = new InstantTime();
        var options = new BenchmarkOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), 1000, 5000, 0);
        var summary = new LatencyBenchmark(options, new ProcessFigures(new SystemFiles(_tree.Path)), time)
            .Run(() => { Thread.SpinWait(100); time.Advance(TimeSpan.FromMilliseconds(20)); }, new double[5000], TestContext.Current.CancellationToken);
        Assert.Equal(50, summary.Samples);
        Assert.True(summary.Valid);
        Assert.True(summary.MinUs > 0 && summary.MinUs <= summary.P50Us && summary.P50Us <= summary.P99Us);
        Assert.InRange(summary.P50Us, summary.IntervalUs[0], summary.IntervalUs[1]);
    }

    [Fact]
    public void Run_BufferFull_Stops()
    {
        var options = new BenchmarkOptions(TimeSpan.Zero, TimeSpan.FromSeconds(1), 1000, 64, 0);
        var summary = new LatencyBenchmark(options, new ProcessFigures(new SystemFiles(_tree.Path)), new InstantTime())
            .Run(() => Thread.SpinWait(100), new double[64], TestContext.Current.CancellationToken);
        Assert.Equal(64, summary.Samples);
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(2, 3, true)]
    [InlineData(5, 5, false)]
    public void Run_DisturbedAtFirst_MeasuresAgainAfterAPause(int disturbed, int attempts, bool valid)
    {
        Kernel(waitNs: 0, steal: 0, idle: 1000, khz: 2400000, throttles: 0);
        var time = new InstantTime();
        var (pauses, throttles) = (0, 0);
        time.Passed += by => pauses += by == TimeSpan.FromSeconds(2) ? 1 : 0;
        var options = new BenchmarkOptions(TimeSpan.Zero, TimeSpan.FromSeconds(1), 8, 8, 0) { Attempts = 5, Pause = TimeSpan.FromSeconds(2) };
        var summary = new LatencyBenchmark(options, new ProcessFigures(new SystemFiles(_tree.Path)), time).Run(
            () =>
            {
                if (pauses < disturbed)
                    Kernel(waitNs: 0, steal: 0, idle: 1000, khz: 2400000, throttles: ++throttles);
                Thread.SpinWait(100);
            },
            new double[8], TestContext.Current.CancellationToken);
        Assert.Equal(attempts, pauses + 1);
        Assert.Equal(valid, summary.Valid);
        Assert.Equal(valid ? [] : ["the processor was throttled for heat"], summary.Reasons);
    }

    [Fact]
    public void Disturbance_QuietWindow_HasNoReasons()
    {
        Kernel(waitNs: 0, steal: 0, idle: 1000, khz: 2400000, throttles: 3);
        var time = new InstantTime();
        var disturbance = Watch(time);
        time.Advance(TimeSpan.FromSeconds(1));
        Kernel(waitNs: 40_000_000, steal: 1, idle: 1199, khz: 2300000, throttles: 3);
        Assert.Empty(disturbance.Reasons());
    }

    [Fact]
    public void Disturbance_EveryKind_IsNamed()
    {
        Kernel(waitNs: 0, steal: 0, idle: 1000, khz: 2400000, throttles: 3);
        var time = new InstantTime();
        var disturbance = Watch(time);
        time.Advance(TimeSpan.FromSeconds(1));
        Kernel(waitNs: 250_000_000, steal: 20, idle: 1180, khz: 1500000, throttles: 4);
        Assert.Equal(
            [
                "other load: waited for a core 25 % of the time",
                "the hypervisor took 10 % of the processor",
                "the clock fell from 2400 MHz to 1500 MHz",
                "the processor was throttled for heat",
            ],
            disturbance.Reasons());
    }

    [Fact]
    public void Disturbance_KernelTellsNothing_HasNoReasons()
    {
        var time = new InstantTime();
        var disturbance = Watch(time);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Empty(disturbance.Reasons());
    }

    [Theory]
    [InlineData(0.98, 100, 1000, "gate golden agreement: 0.9800 of the golden samples get their class; at least 0.9900 is asked for")]
    [InlineData(1, 2001, 1000, "gate p95: 2001 us; at most 2000 us is allowed")]
    [InlineData(1, 2000, 5001, "gate memory: the model adds 5001 bytes; at most 5000 are allowed")]
    [InlineData(0.99, 2000, 5000, null)]
    public void Fault_Measurement_IsHeldAgainstEachGate(double agreement, double p95Us, long peakBytes, string? expected)
    {
        var report = Report(agreement, p95Us, peakBytes);
        Assert.Equal(expected, GateCheck.Fault(report, new Gates(2000, 5000, 0.99)));
        Assert.Null(GateCheck.Fault(report, new Gates(null, null, 0)));
    }

    [Fact]
    public void Fault_DisturbedMeasurement_NamesTheDisturbance()
    {
        var report = Report(1, 3000, 1);
        report = report with { Latency = report.Latency with { Valid = false, Reasons = ["other load"] } };
        Assert.EndsWith("(measured under other load)", GateCheck.Fault(report, new Gates(2000, null, 0)), StringComparison.Ordinal);
    }

    private Disturbance Watch(InstantTime time) => new(new ProcessFigures(new SystemFiles(_tree.Path)), time);

    private void Kernel(long waitNs, long steal, long idle, long khz, long throttles)
    {
        _tree.Put("/proc/thread-self/schedstat", FormattableString.Invariant($"12345 {waitNs} 77"));
        _tree.Put("/proc/stat", FormattableString.Invariant($"cpu  0 0 0 {idle} 0 0 0 {steal} 0 0\ncpu0 1 2 3"));
        _tree.Put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", FormattableString.Invariant($"{khz}"));
        _tree.Put("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", FormattableString.Invariant($"{throttles}"));
    }

    private static BenchmarkReport Report(double agreement, double p95Us, long peakBytes) => new()
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
        Latency = LatencySummary.Of([1, 2, 3]) with { P95Us = p95Us, PeakBytes = peakBytes },
        GoldenAgreement = agreement,
    };
}
