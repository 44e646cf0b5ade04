using System.Diagnostics;
using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Cli.Measuring;

/// <summary>
/// Times single inferences of one or two subjects: warm-up until steady, then interleaved runs (A B A B ...) until the
/// median's 95 % interval of each is within 2 % or the budget ends.
/// </summary>
internal static class LatencyMeasurement
{
    private const int MinSamples = 100, MaxSamples = 200_000;
    private const double WantedPrecision = 0.02;

    // Steady: successive means of a batch of runs change direction often enough to be noise rather than a trend.
    private const int SteadyTurns = 4, MinBatches = 6, MaxBatches = 50;
    private static readonly TimeSpan BatchTime = TimeSpan.FromMilliseconds(20);

    /// <param name="subjects">One inference each.</param>
    /// <param name="budget">For everything; a fifth of it at most is warm-up.</param>
    /// <returns>Latencies in microseconds of each subject, in the order measured.</returns>
    public static double[][] Run(IReadOnlyList<Action> subjects, TimeSpan budget, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        foreach (var subject in subjects)
            WarmUp(subject, budget / (5 * subjects.Count), cancellation);

        var samples = subjects.Select(_ => new List<double>(MinSamples)).ToArray();
        var nextCheck = MinSamples;
        while (samples[0].Count < MaxSamples)
        {
            cancellation.ThrowIfCancellationRequested();
            for (var i = 0; i < subjects.Count; i++)
                samples[i].Add(Once(subjects[i]));
            if (samples[0].Count < nextCheck)
            {
                // Slow models get fewer samples than hoped for, but enough for a median.
                if (samples[0].Count >= 10 && Stopwatch.GetElapsedTime(start) > budget)
                    break;
                continue;
            }
            if (Stopwatch.GetElapsedTime(start) > budget || samples.All(IsPrecise))
                break;
            nextCheck = samples[0].Count + samples[0].Count / 4;
        }
        return [.. samples.Select(s => s.ToArray())];
    }

    private static void WarmUp(Action subject, TimeSpan limit, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        subject();
        var batch = Math.Clamp((int)(BatchTime.TotalMicroseconds / Math.Max(1, Once(subject))), 1, 1000);
        double previous = 0;
        int turns = 0, direction = 0;
        for (var batches = 1; batches <= MaxBatches; batches++)
        {
            cancellation.ThrowIfCancellationRequested();
            var from = Stopwatch.GetTimestamp();
            for (var i = 0; i < batch; i++)
                subject();
            var mean = Stopwatch.GetElapsedTime(from).TotalMicroseconds / batch;
            var change = batches == 1 ? 0 : Math.Sign(mean - previous);
            if (change != 0 && direction != 0 && change != direction)
                turns++;
            (previous, direction) = (mean, change == 0 ? direction : change);
            if ((batches >= MinBatches && turns >= SteadyTurns) || Stopwatch.GetElapsedTime(start) > limit)
                return;
        }
    }

    private static double Once(Action subject)
    {
        var from = Stopwatch.GetTimestamp();
        subject();
        return Stopwatch.GetElapsedTime(from).TotalMicroseconds;
    }

    private static bool IsPrecise(List<double> samples)
    {
        var sorted = samples.ToArray();
        Array.Sort(sorted);
        var median = Statistics.Percentile(sorted, 0.5);
        var (low, high) = Statistics.MedianInterval(sorted);
        return low >= median * (1 - WantedPrecision) && high <= median * (1 + WantedPrecision);
    }
}
