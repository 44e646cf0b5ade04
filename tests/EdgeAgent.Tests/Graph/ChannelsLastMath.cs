using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

/// <summary>
/// Layers of channels-last frameworks written out as their documentation defines them, in float64 and with no thought of
/// speed: what an importer's graph must compute. Images are [N, H, W, C], kernels [h, w, inputs, outputs].
/// </summary>
internal static class ChannelsLastMath
{
    public static Tensor Conv(Tensor x, Tensor kernel, Tensor? bias, int stride = 1, bool same = true) =>
        Windows(x, kernel.Shape[0], kernel.Shape[1], stride, same, kernel.Shape[3], (at, n, channel) =>
        {
            double sum = bias?.Floats[channel] ?? 0;
            foreach (var (h, w, y, column) in at)
                for (var c = 0; c < kernel.Shape[2]; c++)
                    sum += (double)Pixel(x, n, y, column, c) * kernel.Floats[((h * kernel.Shape[1] + w) * kernel.Shape[2] + c) * kernel.Shape[3] + channel];
            return sum;
        });

    /// <param name="kernel">[h, w, inputs, multiplier]; channel c * multiplier + m sees input c.</param>
    public static Tensor Depthwise(Tensor x, Tensor kernel, Tensor? bias, int stride = 1, bool same = true)
    {
        var multiplier = kernel.Shape[3];
        return Windows(x, kernel.Shape[0], kernel.Shape[1], stride, same, x.Shape[3] * multiplier, (at, n, channel) =>
        {
            double sum = bias?.Floats[channel] ?? 0;
            foreach (var (h, w, y, column) in at)
                sum += (double)Pixel(x, n, y, column, channel / multiplier) * kernel.Floats[(h * kernel.Shape[1] + w) * kernel.Shape[2] * multiplier + channel];
            return sum;
        });
    }

    public static Tensor MaxPool(Tensor x, int size, int stride, bool same = false) =>
        Windows(x, size, size, stride, same, x.Shape[3], (at, n, channel) => at.Max(p => (double)Pixel(x, n, p.Y, p.X, channel)));

    /// <summary>Positions outside the image do not count.</summary>
    public static Tensor AveragePool(Tensor x, int size, int stride, bool same = false) =>
        Windows(x, size, size, stride, same, x.Shape[3], (at, n, channel) => at.Average(p => (double)Pixel(x, n, p.Y, p.X, channel)));

    public static Tensor BatchNorm(Tensor x, double epsilon, Tensor gamma, Tensor beta, Tensor mean, Tensor variance) =>
        Each(x, (v, c) => (v - mean.Floats[c]) / Math.Sqrt(variance.Floats[c] + epsilon) * gamma.Floats[c] + beta.Floats[c]);

    /// <summary>Over the last axis.</summary>
    public static Tensor Dense(Tensor x, Tensor kernel, Tensor? bias)
    {
        var (inputs, outputs) = (kernel.Shape[0], kernel.Shape[1]);
        var y = new float[x.Count / inputs * outputs];
        for (var i = 0; i < y.Length; i++)
        {
            double sum = bias?.Floats[i % outputs] ?? 0;
            for (var k = 0; k < inputs; k++)
                sum += (double)x.Floats[i / outputs * inputs + k] * kernel.Floats[k * outputs + i % outputs];
            y[i] = (float)sum;
        }
        return Tensor.Of(y, [.. x.Shape[..^1], outputs]);
    }

    public static Tensor Each(Tensor x, Func<double, int, double> ofValueAndChannel) =>
        Tensor.Of([.. x.Floats.Select((v, i) => (float)ofValueAndChannel(v, i % x.Shape[^1]))], x.Shape);

    public static Tensor Each(Tensor x, Func<double, double> function) => Each(x, (v, _) => function(v));

    public static Tensor Relu(Tensor x) => Each(x, v => Math.Max(v, 0));

    public static Tensor Add(Tensor a, Tensor b) => Tensor.Of([.. a.Floats.Zip(b.Floats, (x, y) => x + y)], a.Shape);

    public static Tensor Flatten(Tensor x) => x.Reshape(x.Shape[0], x.Count / x.Shape[0]);

    public static Tensor Softmax(Tensor x)
    {
        var exponentials = Each(x, v => Math.Exp(v));
        var size = x.Shape[^1];
        return Tensor.Of([.. exponentials.Floats.Select((e, i) => e / exponentials.Floats.AsSpan(i / size * size, size).ToArray().Sum())], x.Shape);
    }

    public static void AssertClose(Tensor expected, Tensor actual, float tolerance = 1e-4f)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(p.Second, p.First - tolerance * MathF.Max(1, MathF.Abs(p.First)), p.First + tolerance * MathF.Max(1, MathF.Abs(p.First))));
    }

    private static float Pixel(Tensor x, int n, int y, int column, int c) => x.Floats[((n * x.Shape[1] + y) * x.Shape[2] + column) * x.Shape[3] + c];

    /// <summary>Every output is computed from the positions of its window that lie inside: (in the window, in the image).</summary>
    private static Tensor Windows(Tensor x, int height, int width, int stride, bool same, int channels, Func<List<(int H, int W, int Y, int X)>, int, int, double> compute)
    {
        var (rows, top) = Extent(x.Shape[1], height, stride, same);
        var (columns, left) = Extent(x.Shape[2], width, stride, same);
        var result = new List<float>();
        for (var n = 0; n < x.Shape[0]; n++)
            for (var row = 0; row < rows; row++)
                for (var column = 0; column < columns; column++)
                {
                    var positions = new List<(int, int, int, int)>();
                    for (var h = 0; h < height; h++)
                        for (var w = 0; w < width; w++)
                            if (row * stride - top + h is >= 0 and var py && py < x.Shape[1] && column * stride - left + w is >= 0 and var px && px < x.Shape[2])
                                positions.Add((h, w, py, px));
                    for (var channel = 0; channel < channels; channel++)
                        result.Add((float)compute(positions, n, channel));
                }
        return Tensor.Of([.. result], x.Shape[0], rows, columns, channels);
    }

    /// <summary>TensorFlow's SAME: ceil(size / stride) outputs, and half of what is missing in front, rounded down.</summary>
    private static (int Outputs, int Before) Extent(int size, int window, int stride, bool same)
    {
        if (!same)
            return ((size - window) / stride + 1, 0);
        var outputs = (size + stride - 1) / stride;
        return (outputs, Math.Max(0, (outputs - 1) * stride + window - size) / 2);
    }
}
