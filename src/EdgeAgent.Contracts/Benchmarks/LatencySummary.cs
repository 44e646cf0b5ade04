namespace EdgeAgent.Contracts.Benchmarks;

/// <summary>Latency of single inferences, in microseconds, after warm-up.</summary>
public sealed record LatencySummary
{
    public required int Samples { get; init; }

    public required double MinUs { get; init; }

    public required double P50Us { get; init; }

    public required double P90Us { get; init; }

    public required double P95Us { get; init; }

    public required double P99Us { get; init; }

    public required double MeanUs { get; init; }

    public required double StdUs { get; init; }

    /// <summary>95 % interval of the median from order statistics: low, high.</summary>
    public required IReadOnlyList<double> IntervalUs { get; init; }

    /// <summary>From the start of loading to the first result.</summary>
    public double ColdStartUs { get; init; }

    /// <summary>Resident memory that loading and running the model added.</summary>
    public long PeakBytes { get; init; }

    /// <summary>False when something disturbed the measurement.</summary>
    public bool Valid { get; init; } = true;

    /// <summary>What disturbed it, one line each.</summary>
    public IReadOnlyList<string> Reasons { get => field ?? []; init; }

    /// <param name="samplesUs">At least one latency; is sorted in place.</param>
    public static LatencySummary Of(Span<double> samplesUs)
    {
        if (samplesUs.IsEmpty)
            throw new ArgumentException("no samples", nameof(samplesUs));
        samplesUs.Sort();
        double sum = 0, squares = 0;
        foreach (var sample in samplesUs)
            sum += sample;
        var mean = sum / samplesUs.Length;
        foreach (var sample in samplesUs)
            squares += (sample - mean) * (sample - mean);
        var (low, high) = Statistics.MedianInterval(samplesUs);
        return new LatencySummary
        {
            Samples = samplesUs.Length,
            MinUs = samplesUs[0],
            P50Us = Statistics.Percentile(samplesUs, 0.50),
            P90Us = Statistics.Percentile(samplesUs, 0.90),
            P95Us = Statistics.Percentile(samplesUs, 0.95),
            P99Us = Statistics.Percentile(samplesUs, 0.99),
            MeanUs = mean,
            StdUs = samplesUs.Length > 1 ? Math.Sqrt(squares / (samplesUs.Length - 1)) : 0,
            IntervalUs = [low, high],
        };
    }
}
