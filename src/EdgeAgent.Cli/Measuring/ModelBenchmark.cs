using System.Diagnostics;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Cli.Measuring;

/// <summary>Loads a model, keeps what loading cost, and runs single inferences on a fixed input.</summary>
internal sealed class ModelBenchmark : IDisposable
{
    private readonly IClassifier _classifier;
    private readonly float[] _input;
    private readonly float[] _logits;
    private readonly int _threads;
    private readonly double _coldStartUs;
    private readonly long _peakBytes;

    public ModelBenchmark(string path, string? engine, int threads, int[] sizes)
    {
        _threads = threads;
        var memory = ResidentMemory.Start();
        var start = Stopwatch.GetTimestamp();
        _classifier = Classifiers.Load(path, engine, threads, sizes);
        // The latency does not depend on the values; pixels keep float kernels away from denormal numbers.
        var random = new Random(1);
        _input = new float[_classifier.InputShape.Skip(1).Aggregate(1, (a, b) => a * b)];
        for (var i = 0; i < _input.Length; i++)
            _input[i] = random.Next(256);
        _logits = new float[_classifier.Classes];
        Run();
        _coldStartUs = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        _peakBytes = memory.PeakBytes();
    }

    public void Run() => _classifier.Run(_input, 1, _logits);

    public BenchDocument Document(double[] samplesUs, IReadOnlyList<string> reasons)
    {
        var latency = LatencySummary.Of(samplesUs);
        return new BenchDocument(
            CliJson.Schema, _classifier.Engine, _threads, _classifier.KernelSet, latency.Samples, latency.MinUs, latency.P50Us, latency.P90Us, latency.P95Us, latency.P99Us,
            latency.IntervalUs, _coldStartUs, _peakBytes, reasons.Count == 0, reasons);
    }

    public void Dispose() => _classifier.Dispose();
}
