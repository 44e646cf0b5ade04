using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Tests.Int8;

/// <summary>Plans of whole networks with random weights.</summary>
internal static class Networks
{
    /// <summary>A residual network over 32x32x3 with a depthwise block, a strided block and ten logits; 4 million MACs.</summary>
    public static byte[] Residual(int seed)
    {
        var random = new Random(seed);
        var b = new PlanBuilder("residual");
        var x = b.Input(new PlanShape(32, 32, 3), new Quantization(1f, 0));
        x = Convolution(b, random, x, 16, 3, 1);
        var y = Convolution(b, random, Convolution(b, random, x, 16, 3, 1), 16, 3, 1);
        var sum = new Quantization(0.1f, 120);
        x = b.Add(x, y, sum, ActivationBounds.Relu(sum));
        x = Convolution(b, random, Convolution(b, random, x, 16, 3, 1, depthwise: true), 32, 1, 1);
        x = Convolution(b, random, x, 48, 3, 2);
        var mean = b.GlobalAveragePool(x, new Quantization(0.02f, 0));
        b.Output(b.DenseHead(mean, Weights(random, 10, 48)));
        return b.Build();
    }

    /// <summary>One depthwise layer.</summary>
    public static byte[] Depthwise(PlanShape shape, int multiplier, PlanWindow window, int seed)
    {
        var random = new Random(seed);
        var b = new PlanBuilder("depthwise");
        var x = b.Input(shape, new Quantization(1f, 30));
        var weights = Weights(random, shape.Channels * multiplier, window.KernelHeight * window.KernelWidth);
        b.Output(b.Convolution(x, weights, window, shape.Channels, new Quantization(0.1f, 100)));
        return b.Build();
    }

    public static float[] Noise(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 255)];
    }

    private static TensorId Convolution(PlanBuilder b, Random random, TensorId x, int outputs, int kernel, int stride, bool depthwise = false)
    {
        var channels = b.ShapeOf(x).Channels;
        var q = new Quantization(0.1f, random.Next(100, 156));
        var weights = Weights(random, outputs, (depthwise ? 1 : channels) * kernel * kernel);
        return b.Convolution(x, weights, PlanWindow.Square(kernel, stride, kernel / 2), depthwise ? channels : 1, q, ActivationBounds.Relu(q));
    }

    private static LayerWeights Weights(Random random, int outputs, int perOutput)
    {
        var values = new sbyte[outputs * perOutput];
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)random.Next(-127, 128);
        var scale = 0.03f / MathF.Sqrt(perOutput);
        return new(values, [.. Enumerable.Repeat(scale, outputs)], [.. Enumerable.Range(0, outputs).Select(_ => random.Next(-2000, 2000))]);
    }
}
