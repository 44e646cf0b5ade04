using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Batch normalisation with stored statistics, one multiply-add for each channel; layer normalisation with those of the sample.</summary>
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

    /// <summary>Every row of <paramref name="x"/> from <paramref name="axis"/> on to mean 0 and variance 1, then times scale plus bias.</summary>
    public static void Layer(int axis, float epsilon, Tensor x, Tensor scale, Tensor? bias, Tensor y, ParallelOptions parallel)
    {
        var shape = x.Shape[axis..];
        var size = shape.Aggregate(1, (a, d) => a * d);
        var scales = Broadcasting.Indices(scale.Shape, shape);
        var biases = bias is null ? null : Broadcasting.Indices(bias.Shape, shape);
        Parallel.For(0, x.Count / size, parallel, row =>
        {
            var from = x.Floats.AsSpan(row * size, size);
            var to = y.Floats.AsSpan(row * size, size);
            double mean = 0, variance = 0;
            foreach (var value in from)
                mean += value;
            mean /= size;
            foreach (var value in from)
                variance += (value - mean) * (value - mean);
            var factor = 1 / Math.Sqrt(variance / size + epsilon);
            for (var i = 0; i < size; i++)
                to[i] = (float)((from[i] - mean) * factor * scale.Floats[scales[i]] + (biases is null ? 0 : bias!.Floats[biases[i]]));
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
