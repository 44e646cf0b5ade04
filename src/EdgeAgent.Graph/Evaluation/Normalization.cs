using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Batch normalisation with stored statistics: one multiply-add for each channel.</summary>
internal static class Normalization
{
    /// <param name="inputs">x, scale, bias, mean, variance</param>
    public static void Run(float epsilon, Tensor x, Tensor?[] inputs, Tensor y, ParallelOptions parallel)
    {
        var (factors, offsets) = Affine(epsilon, inputs[1]!.Floats, inputs[2]!.Floats, inputs[3]!.Floats, inputs[4]!.Floats);
        var (source, target, channels) = (x.Floats, y.Floats, x.Shape[1]);
        var size = x.Count / Math.Max(1, x.Shape[0] * channels);
        Parallel.For(0, x.Shape[0] * channels, parallel, index =>
        {
            var (factor, offset) = (factors[index % channels], offsets[index % channels]);
            var from = source.AsSpan(index * size, size);
            var to = target.AsSpan(index * size, size);
            for (var i = 0; i < size; i++)
                to[i] = (float)(from[i] * factor + offset);
        });
    }

    /// <summary>The normalisation as y = x * factor + offset, in double precision.</summary>
    public static (double[] Factors, double[] Offsets) Affine(float epsilon, float[] scale, float[] bias, float[] mean, float[] variance)
    {
        var (factors, offsets) = (new double[scale.Length], new double[scale.Length]);
        for (var c = 0; c < scale.Length; c++)
        {
            factors[c] = scale[c] / Math.Sqrt((double)variance[c] + epsilon);
            offsets[c] = bias[c] - mean[c] * factors[c];
        }
        return (factors, offsets);
    }
}
