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

    // Exact: 2 * sum of C(n, i) / 2^n for i up to the smaller; mid-p: that minus C(n, k) / 2^n. By hand from Pascal's triangle.
    [Theory]
    [InlineData(0, 0, 1, 1)]
    [InlineData(5, 5, 1, 1)]
    [InlineData(0, 5, 2 / 32.0, 1 / 32.0)]
    [InlineData(9, 1, 22 / 1024.0, 12 / 1024.0)]
    [InlineData(1, 9, 22 / 1024.0, 12 / 1024.0)]
    [InlineData(4, 3, 1, 1 - 35 / 128.0)]
    // Agresti, Categorical Data Analysis, table 10.1 (150 and 86 changed their mind), summed in exact fractions.
    [InlineData(150, 86, 3.715936e-5, 2.893390e-5)]
    public void McNemar_OfDiscordantPairs_IsTheBinomialTest(long first, long second, double exact, double midP)
    {
        var p = Statistics.McNemar(first, second);

        Assert.Equal(exact, p.Exact, Math.Max(1e-12, exact * 0.002));
        Assert.Equal(midP, p.MidP, Math.Max(1e-12, midP * 0.002));
    }

    [Fact]
    public void McNemar_OfManyPairs_AgreesWithTheNormalApproximation()
    {
        // z = (|b - c| - 1) / sqrt(b + c), with continuity correction, is 199 / 200: two-sided p 0.3197.
        Assert.Equal(0.3197, Statistics.McNemar(20_100, 19_900).Exact, 1e-4);
        Assert.InRange(Statistics.McNemar(100_000, 0).Exact, 0, 1e-300);
    }

    [Fact]
    public void PairedDifferenceInterval_IsBonettAndPrices()
    {
        // (b + 1) / (N + 2) = 0.05, (c + 1) / (N + 2) = 0.02: difference -0.03, variance (0.07 - 0.0009) / 1000.
        var (low, high) = Statistics.PairedDifferenceInterval(49, 19, 998);
        var half = 1.959963984540054 * Math.Sqrt((0.07 - 0.0009) / 1000);
        Assert.Equal(-0.03 - half, low, 1e-12);
        Assert.Equal(-0.03 + half, high, 1e-12);
        Assert.Equal((-high, -low), Statistics.PairedDifferenceInterval(19, 49, 998));
    }
}
