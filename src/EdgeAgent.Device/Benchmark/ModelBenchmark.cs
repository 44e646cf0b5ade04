using System.Diagnostics;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Device.Enrolment;
using EdgeAgent.Device.Hardware;
using EdgeAgent.Device.Inference;
using EdgeAgent.Device.Power;
using EdgeAgent.Device.Slots;

namespace EdgeAgent.Device.Benchmark;

/// <summary>
/// Benchmarks a package in an engine of its own, beside the one that serves: cold start, memory, golden agreement,
/// latency, energy. One benchmark at a time on a device, or they would measure one another.
/// </summary>
internal sealed class ModelBenchmark(
    DeviceIdentity identity, EngineLoader loader, ContentStore content, SystemFiles files, BenchmarkOptions options, EnergyOptions? energy, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly ProcessFigures _figures = new(files);

    /// <param name="package">In a slot, with all its files.</param>
    /// <param name="phase">In a trial energy is only estimated: its windows would hold the rollout up for a minute.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ModelUnusableException">The model cannot run here.</exception>
    public async Task<BenchmarkReport> RunAsync(SlotPackage package, BenchmarkPhase phase, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            // A thread of its own: the kernel's figures about it then are about the benchmark alone.
            return await Task.Factory.StartNew(() => Run(package, phase, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<BenchmarkReport> Run(SlotPackage package, BenchmarkPhase phase, CancellationToken cancellation)
    {
        var samplesUs = new double[options.MaxSamples];
        samplesUs.AsSpan().Fill(1);
        GC.Collect();
        var residentBefore = _figures.ResidentBytes();
        var start = Stopwatch.GetTimestamp();
        using var engine = loader.Load(package.Manifest);
        var input = new float[engine.InputLength];
        var output = new float[engine.OutputLength];
        engine.Run(input, output);
        var coldStartUs = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        var peakBytes = Math.Max(0, _figures.ResidentBytes() - residentBefore);

        var golden = GoldenSamples.Load(package.Manifest, content, engine);
        var agreement = golden.Agreement(engine);
        golden.Input(0).CopyTo(input);
        var inference = () => engine.Run(input, output);
        var latency = new LatencyBenchmark(options, _figures, time).Run(inference, samplesUs, cancellation);
        var (reading, rejected) = await EnergyAsync(package, phase, latency.P50Us, inference, cancellation);
        return new BenchmarkReport
        {
            Model = package.Manifest.Name,
            Digest = package.Digest,
            Student = package.Manifest.Student,
            Profile = identity.Profile,
            Emulated = identity.Emulated,
            Phase = phase,
            Engine = engine.Kind,
            KernelSet = engine.KernelSet,
            Threads = loader.Threads,
            Latency = latency with
            {
                ColdStartUs = coldStartUs,
                PeakBytes = peakBytes,
                Reasons = rejected is null ? latency.Reasons : [.. latency.Reasons, "energy is estimated: " + rejected],
            },
            Energy = reading,
            GoldenAgreement = agreement,
        };
    }

    private async Task<(EnergyReading? Reading, string? Rejected)> EnergyAsync(SlotPackage package, BenchmarkPhase phase, double p50Us, Action inference, CancellationToken cancellation)
    {
        string? rejected = null;
        if (phase == BenchmarkPhase.Serving && energy is not null && RaplSensor.Find(files) is { } sensor)
        {
            try
            {
                (var reading, rejected) = await new EnergyMeter(sensor, energy, time).MeasureAsync(inference, cancellation);
                if (reading is not null)
                    return (reading, null);
            }
            catch (IOException e)
            {
                rejected = e.Message;
            }
        }
        return ((identity.ActiveW ?? package.Manifest.ActiveW) is { } activeW ? EnergyMeter.Estimate(p50Us, activeW) : null, rejected);
    }
}
