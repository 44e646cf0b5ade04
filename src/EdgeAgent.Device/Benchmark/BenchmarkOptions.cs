namespace EdgeAgent.Device.Benchmark;

/// <summary>Bounds of one latency measurement.</summary>
/// <param name="WarmUp">Warm-up ends here at the latest.</param>
/// <param name="Budget">Sampling ends here at the latest.</param>
/// <param name="MinSamples">Sampling does not stop early below this many, so that p99 means something.</param>
/// <param name="MaxSamples">Size of the sample buffer.</param>
/// <param name="Precision">Sampling stops once the median's 95 % interval is within this fraction of the median.</param>
internal sealed record BenchmarkOptions(TimeSpan WarmUp, TimeSpan Budget, int MinSamples, int MaxSamples, double Precision)
{
    public static BenchmarkOptions Default { get; } = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5), 1000, 200_000, 0.02);

    /// <summary>Measurements at the most: a disturbed one is repeated.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Between two attempts: long enough for what starts beside them to be done.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(2);
}
