using System.Diagnostics;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Device.Hardware;

namespace EdgeAgent.Device.Benchmark;

/// <summary>Measures the latency of single inferences on the calling thread: warm-up until steady, then samples.</summary>
internal sealed class LatencyBenchmark(BenchmarkOptions options, ProcessFigures figures, TimeProvider time)
{
    private const double BatchUs = 2000;
    private const int CheckEvery = 256;

    /// <summary>
    /// Measures until nothing disturbs it. A window lasts as little as 50 ms, and one other program that starts in it spoils it; where
    /// every attempt was disturbed, the one with the lowest median tells most of the model, and says what disturbed it.
    /// </summary>
    /// <param name="inference">Runs one inference; must not allocate.</param>
    /// <param name="samplesUs">Buffer of <see cref="BenchmarkOptions.MaxSamples"/>, allocated before memory was looked at.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    /// <returns>The summary without cold start and memory.</returns>
    public LatencySummary Run(Action inference, double[] samplesUs, CancellationToken cancellation)
    {
        var best = Measure(inference, samplesUs, cancellation);
        for (var attempt = 1; attempt < options.Attempts && !best.Valid; attempt++)
        {
            // Not awaited: the kernel's figures are about the thread that measures.
            Task.Delay(options.Pause, time, cancellation).GetAwaiter().GetResult();
            var next = Measure(inference, samplesUs, cancellation);
            if (next.Valid || next.P50Us < best.P50Us)
                best = next;
        }
        return best;
    }

    private LatencySummary Measure(Action inference, double[] samplesUs, CancellationToken cancellation)
    {
        RunWarmUp(inference, cancellation);
        // Collections that loading left over would otherwise fall into the samples.
        GC.Collect();
        var disturbance = new Disturbance(figures, time);
        var count = Sample(inference, samplesUs, cancellation);
        var reasons = disturbance.Reasons();
        return LatencySummary.Of(samplesUs.AsSpan(0, count)) with { Valid = reasons.Count == 0, Reasons = reasons };
    }

    private void RunWarmUp(Action inference, CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        var warmUp = new WarmUp();
        do
        {
            var batch = Stopwatch.GetTimestamp();
            var runs = 0;
            double elapsedUs;
            do
            {
                cancellation.ThrowIfCancellationRequested();
                inference();
                runs++;
                elapsedUs = Stopwatch.GetElapsedTime(batch).TotalMicroseconds;
            }
            while (elapsedUs < BatchUs);
            warmUp.Add(elapsedUs / runs);
        }
        while (!warmUp.IsSteady && time.GetElapsedTime(start) < options.WarmUp);
    }

    private int Sample(Action inference, double[] samplesUs, CancellationToken cancellation)
    {
        var ticksToUs = 1e6 / Stopwatch.Frequency;
        var start = time.GetTimestamp();
        var sorted = new double[samplesUs.Length];
        var count = 0;
        var nextCheck = Math.Min(options.MinSamples, samplesUs.Length);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var before = Stopwatch.GetTimestamp();
            inference();
            samplesUs[count++] = (Stopwatch.GetTimestamp() - before) * ticksToUs;
            if (count == samplesUs.Length || time.GetElapsedTime(start) >= options.Budget)
                return count;
            if (count < nextCheck)
                continue;
            if (IsPrecise(samplesUs.AsSpan(0, count), sorted))
                return count;
            // The check sorts: it becomes rarer as the sample grows.
            nextCheck = count + Math.Max(CheckEvery, count / 4);
        }
    }

    private bool IsPrecise(ReadOnlySpan<double> samplesUs, double[] buffer)
    {
        var sorted = buffer.AsSpan(0, samplesUs.Length);
        samplesUs.CopyTo(sorted);
        sorted.Sort();
        var (low, high) = Statistics.MedianInterval(sorted);
        return high - low <= options.Precision * Statistics.Percentile(sorted, 0.5);
    }
}
