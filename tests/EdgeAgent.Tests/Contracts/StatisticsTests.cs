using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Tests.Contracts;

public sealed class StatisticsTests
{
    // By bisection of (p - q)^2 = z^2 q (1 - q) / n, the equation whose roots the interval is.
    [Theory]
    [InlineData(8865, 10000, 0.880134, 0.892569)]
    [InlineData(0, 10, 0, 0.277533)]
    [InlineData(10, 10, 0.722467, 1)]
    public void WilsonInterval_OfKnownShares_IsAsPublished(long successes, long trials, double low, double high)
    {
        var interval = Statistics.WilsonInterval(successes, trials);

        Assert.Equal(low, interval.Low, 1e-5);
        Assert.Equal(high, interval.High, 1e-5);
    }

    [Fact]
    public void Percentile_OfOneToTen_Interpolates()
    {
        double[] sorted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

        Assert.Equal(5.5, Statistics.Percentile(sorted, 0.5));
        Assert.Equal(9.1, Statistics.Percentile(sorted, 0.9), 1e-12);
        Assert.Equal(10, Statistics.Percentile(sorted, 1));
    }

    [Fact]
    public void MannWhitney_OfSeparatedSamples_IsAsByHand()
    {
        // U = 0, mean 32, variance 64 * 17 / 12 = 90.667: z = 31.5 / 9.522 = 3.308, p = 0.000939.
        Assert.Equal(0.000939, Statistics.MannWhitney([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]), 2e-6);
    }

    [Fact]
    public void MannWhitney_OfEqualSamples_IsOne() => Assert.Equal(1, Statistics.MannWhitney([3, 3, 3], [3, 3, 3, 3]));

    [Fact]
    public void MannWhitney_OfSwappedSides_IsTheSame()
    {
        double[] a = [1, 5, 2, 8, 3, 9, 4, 4], b = [2, 7, 7, 1, 0, 6, 5, 10, 12];

        Assert.Equal(Statistics.MannWhitney(a, b), Statistics.MannWhitney(b, a), 1e-12);
    }

    [Fact]
    public void MedianInterval_OfManySamples_CoversTheMedianAboutNineteenTimesInTwenty()
    {
        var random = new Random(11);
        var covered = 0;
        var sample = new double[101];
        for (var trial = 0; trial < 2000; trial++)
        {
            for (var i = 0; i < sample.Length; i++)
                sample[i] = random.NextDouble();
            Array.Sort(sample);
            var (low, high) = Statistics.MedianInterval(sample);
            if (low <= 0.5 && high >= 0.5)
                covered++;
        }

        Assert.InRange(covered, 1880, 1980);
    }

    [Fact]
    public void LatencySummary_OfSamples_HasOrderedPercentiles()
    {
        var random = new Random(3);
        var samples = Enumerable.Range(0, 500).Select(_ => 100 + random.NextDouble() * 10).ToArray();

        var summary = LatencySummary.Of(samples);

        Assert.Equal(500, summary.Samples);
        Assert.True(summary.MinUs <= summary.IntervalUs[0] && summary.IntervalUs[0] <= summary.P50Us && summary.P50Us <= summary.IntervalUs[1]);
        Assert.True(summary.P50Us <= summary.P90Us && summary.P90Us <= summary.P95Us && summary.P95Us <= summary.P99Us);
    }
}
