using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Benchmarks.Native;

/// <summary>A plan of one operator between the float input and the float output.</summary>
internal sealed record SingleLayer(string Name, byte[] Plan)
{
    private static readonly Quantization s_quantization = new(0.1f, 3);

    /// <summary>The convolutions that small CNNs spend their time in, in sizes that an emulator runs in seconds.</summary>
    public static IReadOnlyList<SingleLayer> All { get; } =
    [
        Convolution("3x3, 64 -> 64", new(8, 8, 64), 64, PlanWindow.Square(3, 1, 1)),
        Convolution("3x3 / 2, 32 -> 64", new(16, 16, 32), 64, PlanWindow.Square(3, 2, 1)),
        Convolution("1x1, 64 -> 64", new(16, 8, 64), 64, PlanWindow.Square(1)),
        Convolution("3x3, 3 -> 16 (first layer)", new(32, 32, 3), 16, PlanWindow.Square(3, 1, 1)),
        Convolution("10x4 / 2, 1 -> 64 (first layer)", new(49, 10, 1), 64, new(10, 4, 2, 2, 4, 1, 5, 1)),
        Convolution("depthwise 3x3, 64", new(25, 5, 64), 64, PlanWindow.Square(3, 1, 1), depthwise: true),
        Convolution("depthwise 3x3 / 2, 64", new(16, 16, 64), 64, PlanWindow.Square(3, 2, 1), depthwise: true),
        Convolution("depthwise 5x5, 64", new(16, 16, 64), 64, PlanWindow.Square(5, 1, 2), depthwise: true),
        Convolution("dense, 640 -> 128", PlanShape.Flat(640), 128, PlanWindow.Square(1)),
    ];

    private static SingleLayer Convolution(string name, PlanShape input, int outputs, PlanWindow window, bool depthwise = false)
    {
        var random = new Random(1);
        var perOutput = window.KernelHeight * window.KernelWidth * (depthwise ? 1 : input.Channels);
        var values = new sbyte[outputs * perOutput];
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)random.Next(-127, 128);
        var weights = new LayerWeights(values, [.. Enumerable.Repeat(0.01f, outputs)], new int[outputs]);
        var b = new PlanBuilder(name);
        var x = b.Input(input, s_quantization);
        b.Output(b.Dequantize(b.Convolution(x, weights, window, depthwise ? outputs : 1, s_quantization)));
        return new(name, b.Build());
    }
}
