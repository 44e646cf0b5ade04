using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Benchmarks.Costs;

/// <summary>
/// Plans of the shapes that compression makes, with random weights: latency does not depend on their values. Residual
/// students are narrow ResNets, mobile ones are depthwise-separable.
/// </summary>
internal static class SyntheticStudents
{
    private static readonly Quantization Q = new(0.05f, 128);

    /// <summary>A ResNet with two blocks a stage, channels doubling from <paramref name="width"/>.</summary>
    public static byte[] Residual(int width, int stages, int size)
    {
        var random = new Random(width * 1000 + stages * 100 + size);
        var b = new PlanBuilder($"residual-{width}-{stages}-{size}");
        var x = b.Input(new PlanShape(size, size, 3), new Quantization(1, 0));
        x = Conv(b, random, x, width, 3, 1);
        for (var stage = 0; stage < stages; stage++)
        {
            for (var block = 0; block < 2; block++)
            {
                var stride = stage > 0 && block == 0 ? 2 : 1;
                var channels = width << stage;
                var shortcut = stride == 1 && b.ShapeOf(x).Channels == channels ? x : Conv(b, random, x, channels, 1, stride);
                var y = Conv(b, random, Conv(b, random, x, channels, 3, stride), channels, 3, 1);
                x = b.Add(y, shortcut, Q, ActivationBounds.Relu(Q));
            }
        }
        return Head(b, random, x);
    }

    /// <summary>Depthwise 3x3 and pointwise pairs, channels doubling at every second stride.</summary>
    public static byte[] Mobile(int width, int stages, int size)
    {
        var random = new Random(width * 1000 + stages * 100 + size + 1);
        var b = new PlanBuilder($"mobile-{width}-{stages}-{size}");
        var x = Conv(b, random, b.Input(new PlanShape(size, size, 3), new Quantization(1, 0)), width, 3, 2);
        for (var stage = 0; stage < stages; stage++)
        {
            for (var block = 0; block < 2; block++)
            {
                var channels = b.ShapeOf(x).Channels;
                x = Conv(b, random, x, channels, 3, block == 0 && stage > 0 ? 2 : 1, groups: channels);
                x = Conv(b, random, x, width << stage, 1, 1);
            }
        }
        return Head(b, random, x);
    }

    private static byte[] Head(PlanBuilder b, Random random, TensorId x)
    {
        var mean = b.GlobalAveragePool(x, Q);
        b.Output(b.DenseHead(mean, Weights(random, 10, b.ShapeOf(mean).Channels)));
        return b.Build();
    }

    private static TensorId Conv(PlanBuilder b, Random random, TensorId x, int channels, int kernel, int stride, int groups = 1) =>
        b.Convolution(
            x, Weights(random, channels, b.ShapeOf(x).Channels / groups * kernel * kernel),
            PlanWindow.Square(kernel, stride, kernel / 2), groups, Q, ActivationBounds.Relu(Q));

    private static LayerWeights Weights(Random random, int outputs, int perOutput)
    {
        var values = new sbyte[outputs * perOutput];
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)random.Next(-127, 128);
        return new LayerWeights(values, [.. Enumerable.Repeat(0.001f, outputs)], new int[outputs]);
    }
}
