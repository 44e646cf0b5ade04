using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Ir;

/// <summary>Operators of one variable as functions in float64, from which also the int8 engine's tables are made.</summary>
internal static class UnaryFunctions
{
    public static Func<double, double>? Of(Operator op) => op switch
    {
        Abs => Math.Abs,
        Ceil => Math.Ceiling,
        Cos => Math.Cos,
        Elu elu => x => x < 0 ? elu.Alpha * (Math.Exp(x) - 1) : x,
        Erf => ErrorFunction,
        Exp => Math.Exp,
        Floor => Math.Floor,
        Gelu => x => x / 2 * (1 + ErrorFunction(x / Math.Sqrt(2))),
        Log => Math.Log,
        Neg => x => -x,
        Reciprocal => x => 1 / x,
        Round => x => Math.Round(x, MidpointRounding.ToEven),
        Selu selu => x => selu.Gamma * (x < 0 ? selu.Alpha * (Math.Exp(x) - 1) : x),
        Sign => x => double.IsNaN(x) ? x : Math.Sign(x),
        Sin => Math.Sin,
        Softplus => x => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
        Softsign => x => x / (1 + Math.Abs(x)),
        Sqrt => Math.Sqrt,
        ThresholdedRelu thresholded => x => x > thresholded.Alpha ? x : 0,
        Relu => x => Math.Max(x, 0),
        Clip clip => x => Math.Clamp(x, clip.Min, clip.Max),
        LeakyRelu leaky => x => x < 0 ? x * leaky.Alpha : x,
        Sigmoid => x => 1 / (1 + Math.Exp(-x)),
        HardSigmoid hard => x => Math.Clamp(x * hard.Alpha + hard.Beta, 0, 1),
        HardSwish => x => x * Math.Clamp(x / 6 + 0.5, 0, 1),
        Tanh => Math.Tanh,
        _ => null,
    };

    /// <summary>2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x: its power series, and 1 where float64 knows no difference.</summary>
    private static double ErrorFunction(double x)
    {
        if (double.IsNaN(x) || Math.Abs(x) > 6)
            return double.IsNaN(x) ? x : Math.Sign(x);
        // All terms of this form of the series are positive, so that nothing cancels.
        var (term, sum) = (x, x);
        for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
            sum += term *= 2 * x * x / (2 * n + 1);
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}
