using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Gives every filter in front of a batch-norm the norm sqrt(2), that of He initialisation, and lets the batch-norm take the
/// factor back: the model computes the same. Filters of a folded model differ in scale by orders of magnitude, and under a
/// batch-norm the effective learning rate of a filter is the rate over its squared norm.
/// </summary>
public static class WeightScaling
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var norms = graph.Nodes.Where(n => n.Op is BatchNormalization).ToLookup(n => n.Inputs[0]);
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        foreach (var node in graph.Nodes.Where(n => n.Op is Conv && norms[n.Output].Any()))
        {
            var norm = norms[node.Output].First();
            var epsilon = ((BatchNormalization)norm.Op).Epsilon;
            var weight = constants[node.Inputs[1]];
            var rows = (float[])weight.Floats.Clone();
            var (scale, mean, variance) = (Copy(norm.Inputs[1]), Copy(norm.Inputs[3]), Copy(norm.Inputs[4]));
            var length = rows.Length / scale.Length;
            for (var c = 0; c < scale.Length; c++)
            {
                var row = rows.AsSpan(c * length, length);
                var squares = 0.0;
                foreach (var w in row)
                    squares += (double)w * w;
                if (squares < 1e-20)
                    continue;
                var factor = Math.Sqrt(2 / squares);
                foreach (ref var w in row)
                    w = (float)(w * factor);
                // scale' / sqrt(variance' + epsilon) * factor = scale / sqrt(variance + epsilon)
                var scaledVariance = variance[c] * factor * factor;
                scale[c] = (float)(scale[c] / Math.Sqrt(variance[c] + epsilon) * Math.Sqrt(scaledVariance + epsilon) / factor);
                mean[c] = (float)(mean[c] * factor);
                variance[c] = (float)scaledVariance;
            }
            constants[node.Inputs[1]] = Tensor.Of(rows, weight.Shape);
            constants[norm.Inputs[1]] = Tensor.Of(scale, scale.Length);
            constants[norm.Inputs[3]] = Tensor.Of(mean, mean.Length);
            constants[norm.Inputs[4]] = Tensor.Of(variance, variance.Length);

            float[] Copy(string name) => (float[])constants[name].Floats.Clone();
        }
        return (graph with { Constants = constants }).Verify();
    }
}
