using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Export;

/// <summary>Operators of one variable as functions in float64, from which the int8 engine's tables are made.</summary>
internal static class UnaryFunctions
{
    public static Func<double, double>? Of(Operator op) => op switch
    {
        Relu => x => Math.Max(x, 0),
        Clip clip => x => Math.Clamp(x, clip.Min, clip.Max),
        LeakyRelu leaky => x => x < 0 ? x * leaky.Alpha : x,
        Sigmoid => x => 1 / (1 + Math.Exp(-x)),
        HardSigmoid hard => x => Math.Clamp(x * hard.Alpha + hard.Beta, 0, 1),
        HardSwish => x => x * Math.Clamp(x / 6 + 0.5, 0, 1),
        Tanh => Math.Tanh,
        _ => null,
    };
}
