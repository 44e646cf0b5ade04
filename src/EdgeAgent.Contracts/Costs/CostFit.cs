using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Contracts.Costs;

/// <param name="Operators">The model's operators.</param>
/// <param name="MeasuredUs">Its measured median latency in microseconds.</param>
public sealed record CostSample(IReadOnlyList<OperatorCost> Operators, double MeasuredUs);

/// <summary>
/// Refits a cost model to what devices measured: non-negative least squares on relative errors, drawn towards the
/// prior's proportions (ridge), so that one report already corrects the scale and many correct every term.
/// </summary>
public static class CostFit
{
    private static readonly double[] Ridges = [1e-4, 1e-3, 1e-2, 1e-1, 1];
    private const double DefaultRidge = 1e-1;
    private const int Iterations = 2000;

    /// <param name="prior">Where the fit starts from; its scale need not be right.</param>
    /// <param name="samples">At least one, of different models, with positive latencies.</param>
    public static CostModel Fit(CostModel prior, IReadOnlyList<CostSample> samples)
    {
        if (samples.Count == 0)
            throw new ArgumentException("a fit needs at least one sample", nameof(samples));
        var rows = new double[samples.Count][];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = Row(prior, samples[i]);

        var (ridge, error) = samples.Count < 3 ? (DefaultRidge, (double?)null) : ChooseRidge(rows);
        var factors = Solve(rows, skip: -1, ridge);
        return prior with
        {
            UsPerUnit = [.. prior.UsPerUnit.Select((us, j) => us * factors[j])],
            Source = CostSource.Fitted,
            Samples = samples.Count,
            MedianError = error,
        };
    }

    /// <summary>Contribution of each term as the prior has it, relative to what was measured.</summary>
    private static double[] Row(CostModel prior, CostSample sample)
    {
        if (!(sample.MeasuredUs > 0) || !double.IsFinite(sample.MeasuredUs))
            throw new ArgumentException(FormattableString.Invariant($"a measured latency of {sample.MeasuredUs} us is not positive"), nameof(sample));
        var row = CostFeatures.Of(sample.Operators);
        for (var j = 0; j < row.Length; j++)
            row[j] *= prior.UsPerUnit[j] / sample.MeasuredUs;
        return row;
    }

    /// <summary>Leave-one-out over the strengths; the error of the best is the honest error of the fit.</summary>
    private static (double Ridge, double? MedianError) ChooseRidge(double[][] rows)
    {
        var best = (Ridge: DefaultRidge, Error: double.PositiveInfinity);
        var errors = new double[rows.Length];
        foreach (var ridge in Ridges)
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var factors = Solve(rows, skip: i, ridge);
                errors[i] = Math.Abs(Dot(rows[i], factors) - 1);
            }
            Array.Sort(errors);
            var error = Statistics.Percentile(errors, 0.5);
            if (error < best.Error)
                best = (ridge, error);
        }
        return (best.Ridge, best.Error);
    }

    /// <summary>
    /// Factors f >= 0 on the prior's coefficients that minimise sum_i (row_i . f - 1)^2 + n ridge mean_j (f_j / s - 1)^2,
    /// where s is the scale that fits best alone; by coordinate descent.
    /// </summary>
    private static double[] Solve(double[][] rows, int skip, double ridge)
    {
        var scale = CommonScale(rows, skip);
        var count = rows[0].Length;
        var factors = new double[count];
        Array.Fill(factors, scale);
        var residuals = new double[rows.Length];
        for (var i = 0; i < rows.Length; i++)
            residuals[i] = Dot(rows[i], factors) - 1;
        var n = rows.Length - (skip >= 0 ? 1 : 0);
        var pull = ridge * n / count / (scale * scale);

        for (var iteration = 0; iteration < Iterations; iteration++)
        {
            double moved = 0;
            for (var j = 0; j < count; j++)
            {
                double gradient = pull * (factors[j] - scale), curvature = pull;
                for (var i = 0; i < rows.Length; i++)
                {
                    if (i == skip)
                        continue;
                    gradient += residuals[i] * rows[i][j];
                    curvature += rows[i][j] * rows[i][j];
                }
                var next = Math.Max(0, factors[j] - gradient / curvature);
                var step = next - factors[j];
                if (step == 0)
                    continue;
                factors[j] = next;
                moved = Math.Max(moved, Math.Abs(step) / scale);
                for (var i = 0; i < rows.Length; i++)
                    residuals[i] += step * rows[i][j];
            }
            if (moved < 1e-9)
                break;
        }
        return factors;
    }

    /// <summary>Median of measured / predicted: robust against one report that went wrong.</summary>
    private static double CommonScale(double[][] rows, int skip)
    {
        var ratios = rows.Where((_, i) => i != skip).Select(row => 1 / row.Sum()).Order().ToArray();
        return Statistics.Percentile(ratios, 0.5);
    }

    private static double Dot(double[] row, double[] factors)
    {
        double sum = 0;
        for (var j = 0; j < row.Length; j++)
            sum += row[j] * factors[j];
        return sum;
    }
}
