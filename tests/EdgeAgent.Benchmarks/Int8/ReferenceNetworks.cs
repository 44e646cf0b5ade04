using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Benchmarks.Int8;

/// <summary>
/// The four networks of MLPerf Tiny and two depthwise students for CIFAR-10 by their shapes, float, with random weights: what
/// a kernel does does not depend on their values.
/// </summary>
internal static class ReferenceNetworks
{
    public static IReadOnlyList<GraphSpec> All() => [ResNet8(), MobileNet(), DepthwiseKeywords(), Autoencoder(), SeparableStudent(), InvertedStudent()];

    /// <summary>Image classification, 32x32x3, 12.5 million MACs.</summary>
    private static GraphSpec ResNet8()
    {
        var g = new NetworkBuilder("resnet8", 3, 32, 32);
        var x = g.Convolution(g.Input, 3, 16, 3, 1);
        var channels = 16;
        foreach (var (outputs, stride) in (ReadOnlySpan<(int, int)>)[(16, 1), (32, 2), (64, 2)])
        {
            var y = g.Convolution(g.Convolution(x, channels, outputs, 3, stride), outputs, outputs, 3, 1, relu: false);
            var shortcut = outputs == channels ? x : g.Convolution(x, channels, outputs, 1, stride, relu: false);
            x = g.Relu(g.Node(new Add(), shortcut, y));
            channels = outputs;
        }
        return g.Classifier(x, 64, 10);
    }

    /// <summary>Visual wake words: MobileNet v1 with width 0.25, 96x96x3, 7.5 million MACs.</summary>
    private static GraphSpec MobileNet()
    {
        var g = new NetworkBuilder("mobilenet-0.25", 3, 96, 96);
        var x = g.Convolution(g.Input, 3, 8, 3, 2);
        var channels = 8;
        foreach (var (outputs, stride) in (ReadOnlySpan<(int, int)>)
            [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1), (256, 2), (256, 1)])
        {
            x = g.Convolution(g.Depthwise(x, channels, 3, stride), channels, outputs, 1, 1);
            channels = outputs;
        }
        return g.Classifier(x, 256, 2);
    }

    /// <summary>Keyword spotting: DS-CNN over 49x10 coefficients, 2.7 million MACs.</summary>
    private static GraphSpec DepthwiseKeywords()
    {
        var g = new NetworkBuilder("ds-cnn", 1, 49, 10);
        var x = g.Relu(g.Node(new Conv(new([10, 4], [2, 2], [4, 1, 5, 1], [1, 1]), 1), g.Input, g.Weights(64, 1, 10, 4), g.Weights(64)));
        for (var i = 0; i < 4; i++)
            x = g.Convolution(g.Depthwise(x, 64, 3, 1), 64, 64, 1, 1);
        return g.Classifier(x, 64, 12);
    }

    /// <summary>Anomaly detection: dense 640-4x128-8-4x128-640, 0.26 million MACs.</summary>
    private static GraphSpec Autoencoder()
    {
        var g = new NetworkBuilder("autoencoder", 640);
        var (x, inputs) = (g.Input, 640);
        foreach (var outputs in (ReadOnlySpan<int>)[128, 128, 128, 128, 8, 128, 128, 128, 128])
        {
            x = g.Relu(g.Dense(x, inputs, outputs));
            inputs = outputs;
        }
        return g.Build(g.Dense(x, inputs, 640), 640);
    }

    /// <summary>Depthwise-separable blocks over 32x32x3, each with its shortcut where shapes allow one.</summary>
    private static GraphSpec SeparableStudent()
    {
        var g = new NetworkBuilder("student-separable", 3, 32, 32);
        var x = g.Convolution(g.Input, 3, 16, 3, 1);
        var channels = 16;
        foreach (var (outputs, stride) in (ReadOnlySpan<(int, int)>)[(32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1)])
        {
            var y = g.Convolution(g.Depthwise(x, channels, 3, stride), channels, outputs, 1, 1, relu: false);
            x = g.Relu(outputs == channels && stride == 1 ? g.Node(new Add(), x, y) : y);
            channels = outputs;
        }
        return g.Classifier(x, channels, 10);
    }

    /// <summary>Inverted residuals with 3x3 and 5x5 depthwise kernels and four times as many channels inside, over 32x32x3.</summary>
    private static GraphSpec InvertedStudent()
    {
        var g = new NetworkBuilder("student-inverted", 3, 32, 32);
        var x = g.Convolution(g.Input, 3, 16, 3, 1);
        var channels = 16;
        foreach (var (outputs, stride, kernel) in (ReadOnlySpan<(int, int, int)>)[(16, 1, 3), (24, 2, 3), (24, 1, 5), (40, 2, 5), (40, 1, 3), (40, 1, 5)])
        {
            var inside = 4 * channels;
            var y = g.Convolution(g.Depthwise(g.Convolution(x, channels, inside, 1, 1), inside, kernel, stride), inside, outputs, 1, 1, relu: false);
            x = outputs == channels && stride == 1 ? g.Node(new Add(), x, y) : y;
            channels = outputs;
        }
        return g.Classifier(g.Convolution(x, channels, 160, 1, 1), 160, 10);
    }

    private sealed class NetworkBuilder(string name, params int[] shape)
    {
        private readonly Random _random = new(1);
        private readonly List<Node> _nodes = [];
        private readonly Dictionary<string, Tensor> _constants = [];

        public string Input => "input";

        public string Node(Operator op, params string[] inputs)
        {
            _nodes.Add(new($"n{_nodes.Count}", op, inputs, [$"v{_nodes.Count}"]));
            return _nodes[^1].Output;
        }

        public string Relu(string x) => Node(new Relu(), x);

        public string Convolution(string x, int inputs, int outputs, int kernel, int stride, bool relu = true)
        {
            var y = Node(new Conv(Window.Of(kernel, stride, kernel / 2), 1), x, Weights(outputs, inputs, kernel, kernel), Weights(outputs));
            return relu ? Relu(y) : y;
        }

        public string Depthwise(string x, int channels, int kernel, int stride) =>
            Relu(Node(new Conv(Window.Of(kernel, stride, kernel / 2), channels), x, Weights(channels, 1, kernel, kernel), Weights(channels)));

        public string Dense(string x, int inputs, int outputs) =>
            Node(new Gemm(1, 1, false, true), x, Weights(outputs, inputs), Weights(outputs));

        public GraphSpec Classifier(string x, int channels, int classes) =>
            Build(Dense(Node(new Flatten(1), Node(new GlobalAveragePool(), x)), channels, classes), classes);

        public GraphSpec Build(string output, int size) => new GraphSpec(
            name, [new(Input, ElementType.Float32, [-1, .. shape])], [new(output, ElementType.Float32, [-1, size])], _nodes, _constants).Verify();

        /// <summary>A constant with He's spread, which keeps activations of every layer in one range.</summary>
        public string Weights(params int[] dimensions)
        {
            var count = dimensions.Aggregate(1, (a, b) => a * b);
            var spread = dimensions.Length == 1 ? 0.1 : Math.Sqrt(6.0 * dimensions[0] / count);
            var values = new float[count];
            for (var i = 0; i < count; i++)
                values[i] = (float)((_random.NextDouble() * 2 - 1) * spread);
            _constants.Add($"w{_constants.Count}", Tensor.Of(values, dimensions));
            return $"w{_constants.Count - 1}";
        }
    }
}
