using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Moves the output scale of an addition where frequent operands sum to half a step. Engines add in float32, each in an
/// order of its own, so such a sum rounds up in one and down in another; and as the operands of an addition have only 65,536
/// pairs, one pair in a tie is a tie in thousands of places of an image, which the layers below turn into another class.
/// </summary>
public static class TieAvoidance
{
    /// <summary>How far from a half, in steps of the output, engines may disagree: a few roundings of a float32 of at most 255.</summary>
    private const double Tolerance = 1.0 / (1 << 15);

    private const int Candidates = 32;

    /// <summary>A candidate's distance to the next: under one per cent in all, so that ranges stay what training made them.</summary>
    private const double Growth = 1.0 / (1 << 12);

    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="parameters">With an activation quantization for each of <see cref="QuantizationPoints.Values"/>.</param>
    /// <returns>The same zero points and the same or slightly larger scales.</returns>
    public static QuantizationParameters Apply(GraphSpec graph, QuantizationParameters parameters)
    {
        var points = QuantizationPoints.Of(graph);
        var activations = parameters.Activations.ToDictionary(a => a.Key, a => a.Value);
        // In the order of computation: an output's scale is an operand's further down.
        foreach (var node in graph.Nodes)
        {
            var output = points.Root(points.Clamped.GetValueOrDefault(node.Output, node.Output));
            if (node.Op is Add or Sub
                && activations.TryGetValue(output, out var sum)
                && activations.TryGetValue(points.Root(node.Inputs[0]), out var left)
                && activations.TryGetValue(points.Root(node.Inputs[1]), out var right))
                activations[output] = sum with { Scale = WithFewestTies(left, right, sum.Scale) };
        }
        return parameters with { Activations = activations };
    }

    private static float WithFewestTies(ActivationQuantization left, ActivationQuantization right, float scale)
    {
        var (best, fewest) = (scale, double.PositiveInfinity);
        for (var i = 0; i < Candidates && fewest > 0; i++)
        {
            var candidate = (float)(scale * (1 + i * Growth));
            var ties = Ties(left, right, candidate);
            if (ties < fewest)
                (best, fewest) = (candidate, ties);
        }
        return best;
    }

    /// <summary>
    /// The pairs of operands that sum to a tie, weighted by how often they occur: activations gather around zero, with a density
    /// that falls off at least as fast as the reciprocal. (A sum and a difference have the same ties up to the sign of an operand.)
    /// </summary>
    private static double Ties(ActivationQuantization left, ActivationQuantization right, float scale)
    {
        double leftRatio = (float)((double)left.Scale / scale), rightRatio = (float)((double)right.Scale / scale);
        var ties = 0.0;
        for (var a = -left.ZeroPoint; a <= 255 - left.ZeroPoint; a++)
        {
            for (var b = -right.ZeroPoint; b <= 255 - right.ZeroPoint; b++)
            {
                var sum = a * leftRatio + b * rightRatio;
                if (Math.Abs(Math.Abs(sum - Math.Round(sum)) - 0.5) < Tolerance)
                    ties += 1.0 / ((1 + Math.Abs(a)) * (1 + Math.Abs(b)));
            }
        }
        return ties;
    }
}
