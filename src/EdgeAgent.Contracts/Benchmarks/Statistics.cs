namespace EdgeAgent.Contracts.Benchmarks;

/// <summary>The few formulas by which measurements are judged; the same on the device, in the controller and in edgectl.</summary>
public static class Statistics
{
    private const double Z95 = 1.959963984540054;

    /// <summary>Percentile by linear interpolation between closest ranks (type 7 of Hyndman and Fan 1996).</summary>
    /// <param name="sorted">Ascending, not empty.</param>
    /// <param name="fraction">In [0, 1].</param>
    public static double Percentile(ReadOnlySpan<double> sorted, double fraction)
    {
        var rank = fraction * (sorted.Length - 1);
        var below = (int)rank;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }

    /// <summary>Distribution-free 95 % interval of the median (order statistics, normal approximation of the binomial).</summary>
    /// <param name="sorted">Ascending, not empty.</param>
    public static (double Low, double High) MedianInterval(ReadOnlySpan<double> sorted)
    {
        var n = sorted.Length;
        var half = Z95 * Math.Sqrt(n) / 2;
        var low = Math.Max(0, (int)Math.Floor(n / 2.0 - half) - 1);
        var high = Math.Min(n - 1, (int)Math.Ceiling(n / 2.0 + half));
        return (sorted[low], sorted[high]);
    }

    /// <summary>Wilson score interval of a share, 95 % (Wilson 1927).</summary>
    /// <param name="successes">At most <paramref name="trials"/>.</param>
    /// <param name="trials">Greater than zero.</param>
    public static (double Low, double High) WilsonInterval(long successes, long trials)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(trials, 1);
        double n = trials, p = successes / n, z2 = Z95 * Z95;
        var centre = (p + z2 / (2 * n)) / (1 + z2 / n);
        var half = Z95 / (1 + z2 / n) * Math.Sqrt(p * (1 - p) / n + z2 / (4 * n * n));
        return (Math.Max(0, centre - half), Math.Min(1, centre + half));
    }

    /// <summary>
    /// McNemar's test of two classifiers on the same samples, from the samples that only one of them has right. If both are
    /// equally good, each such sample falls to either side with probability 1/2: X ~ Binomial(n, 1/2), n = b + c, k = min(b, c).
    /// Exact: min(1, 2 P(X &lt;= k)). Mid-p: 2 P(X &lt;= k) - P(X = k), or 1 where b = c (Fagerland, Lydersen and Laake 2013); less
    /// conservative than the exact one, and still close to its level.
    /// </summary>
    /// <param name="onlyFirst">Samples that only the first has right.</param>
    /// <param name="onlySecond">Samples that only the second has right.</param>
    public static (double Exact, double MidP) McNemar(long onlyFirst, long onlySecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(onlyFirst);
        ArgumentOutOfRangeException.ThrowIfNegative(onlySecond);
        var (n, k) = (onlyFirst + onlySecond, Math.Min(onlyFirst, onlySecond));
        // ln P(X = k) first, since 2^-n is no double for large n; then down to 0 by the ratio of neighbours.
        var log = -n * Math.Log(2);
        for (long i = 1; i <= k; i++)
            log += Math.Log((double)(n - k + i) / i);
        double at = Math.Exp(log), tail = at, term = at;
        for (var i = k; i > 0 && term > tail * 1e-18; i--)
            tail += term *= (double)i / (n - i + 1);
        return onlyFirst == onlySecond ? (1, 1) : (Math.Min(1, 2 * tail), 2 * tail - at);
    }

    /// <summary>
    /// 95 % interval of the difference of two shares of the same samples, second minus first: Wald's with one sample added to
    /// each cell of the pairs that differ (Bonett and Price 2012).
    /// </summary>
    /// <param name="onlyFirst">Samples that only the first has right.</param>
    /// <param name="onlySecond">Samples that only the second has right.</param>
    /// <param name="samples">All of them; greater than zero.</param>
    public static (double Low, double High) PairedDifferenceInterval(long onlyFirst, long onlySecond, long samples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        double n = samples + 2, first = (onlyFirst + 1) / n, second = (onlySecond + 1) / n, difference = second - first;
        var half = Z95 * Math.Sqrt((first + second - difference * difference) / n);
        return (Math.Max(-1, difference - half), Math.Min(1, difference + half));
    }

    /// <summary>Two-sided p-value of the Mann-Whitney U test, normal approximation with correction for ties and continuity.</summary>
    /// <remarks>For samples of at least about eight on each side.</remarks>
    public static double MannWhitney(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        int n1 = first.Length, n2 = second.Length, n = n1 + n2;
        if (n1 == 0 || n2 == 0)
            throw new ArgumentException("both sides need samples");
        var values = new double[n];
        var isFirst = new bool[n];
        first.CopyTo(values);
        second.CopyTo(values.AsSpan(n1));
        isFirst.AsSpan(0, n1).Fill(true);
        Array.Sort(values, isFirst);

        double rankSum = 0, ties = 0;
        for (var i = 0; i < n;)
        {
            var end = i;
            while (end < n && values[end] == values[i])
                end++;
            var rank = (i + 1 + end) / 2.0;
            for (var j = i; j < end; j++)
                if (isFirst[j])
                    rankSum += rank;
            double t = end - i;
            ties += t * t * t - t;
            i = end;
        }
        var u = rankSum - n1 * (n1 + 1.0) / 2;
        var deviation = Math.Sqrt((double)n1 * n2 / 12 * (n + 1 - ties / ((double)n * (n - 1))));
        if (deviation == 0)
            return 1;
        var z = Math.Max(0, Math.Abs(u - n1 * (double)n2 / 2) - 0.5) / deviation;
        return Math.Min(1, 2 * UpperTail(z));
    }

    /// <summary>P(Z > z) of the standard normal for z >= 0: Abramowitz and Stegun 26.2.17, absolute error below 7.5e-8.</summary>
    private static double UpperTail(double z)
    {
        var t = 1 / (1 + 0.2316419 * z);
        var density = Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);
        return density * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    }
}
