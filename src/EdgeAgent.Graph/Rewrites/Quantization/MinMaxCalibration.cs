using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>Activation quantization from the smallest and largest values that samples produce: post-training quantization.</summary>
public static class MinMaxCalibration
{
    /// <summary>A quantization for each of the graph's <see cref="QuantizationPoints.Values"/>.</summary>
    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="batches">Inputs as <see cref="GraphInterpreter.Run"/> takes them; at least one batch.</param>
    /// <param name="threads">0 takes all processors.</param>
    public static IReadOnlyDictionary<string, ActivationQuantization> Run(
        GraphSpec graph, IEnumerable<IReadOnlyDictionary<string, Tensor>> batches, ActivationFormat format, int threads = 0)
    {
        var points = QuantizationPoints.Of(graph).Values;
        var ranges = points.ToDictionary(p => p, _ => (Low: double.PositiveInfinity, High: double.NegativeInfinity));
        var computed = points.Where(p => graph.Inputs.All(i => i.Name != p)).ToList();
        var observed = graph with { Outputs = [.. computed.Select(p => new ValueSpec(p, ElementType.Float32, []))] };
        var interpreter = new GraphInterpreter(observed, threads);
        foreach (var batch in batches)
        {
            var values = interpreter.Run(batch);
            foreach (var point in points)
                ranges[point] = Widened(ranges[point], (values.TryGetValue(point, out var value) ? value : batch[point]).Floats);
        }
        return ranges.ToDictionary(
            r => r.Key,
            r => r.Value.Low <= r.Value.High
                ? ActivationQuantization.Covering(r.Value.Low, r.Value.High, format)
                : throw new ArgumentException("there is no sample to calibrate with", nameof(batches)));
    }

    private static (double Low, double High) Widened((double Low, double High) range, float[] values)
    {
        foreach (var value in values)
            range = (Math.Min(range.Low, value), Math.Max(range.High, value));
        return range;
    }
}
