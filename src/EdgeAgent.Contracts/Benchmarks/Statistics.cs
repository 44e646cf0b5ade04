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
