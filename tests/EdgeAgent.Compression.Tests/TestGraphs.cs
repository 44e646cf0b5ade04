using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Tests;

/// <summary>Small classifiers with random weights, of the shapes that users bring: RGB 0..255 in, logits out.</summary>
internal static class TestGraphs
{
    public const int Size = 16, Classes = 4;

    /// <summary>A branch of 3x3 and one of 1x1 convolutions joined by a concat, then depthwise-separable, biases and no batch-norm.</summary>
    public static GraphSpec ConcatDepthwise(int seed = 3)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv("image", 3, 8, 3, 2));
        var joined = b.Node(new Concat(1), b.Relu(b.Conv(x, 8, 12, 3, 1)), b.Relu(b.Conv(x, 8, 4, 1, 1)));
        var depthwise = b.Relu(b.Conv(joined, 16, 16, 3, 2, groups: 16));
        var mixed = b.Relu(b.Conv(depthwise, 16, 24, 1, 1));
        return b.Head(mixed, 24);
    }

    /// <summary>A residual addition whose branches both end in a convolution.</summary>
    public static GraphSpec Residual(int seed = 4)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv("image", 3, 8, 3, 2));
        var sum = b.Node(new Add(), b.Conv(b.Relu(b.Conv(x, 8, 16, 3, 1)), 16, 16, 3, 1), b.Conv(x, 8, 16, 1, 1));
        return b.Head(b.Relu(sum), 16);
    }

    /// <summary>Ends in a 1x1 convolution over the pooled channels, and a reshape that names the number of classes.</summary>
    public static GraphSpec FullyConvolutional(int seed = 5)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv(b.Relu(b.Conv("image", 3, 8, 3, 2)), 8, 16, 3, 1));
        return b.Graph(b.Node(new Reshape([-1, Classes]), b.Conv(b.Node(new GlobalAveragePool(), x), 16, Classes, 1, 1)));
    }

    /// <summary>Inception's factored 1x5 and 5x1 windows beside a dilated one, joined, and gated by squeeze-and-excitation.</summary>
    public static GraphSpec FactoredGated(int seed = 6)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv("image", 3, 16, 3, 2));
        var factored = b.Relu(b.Conv(b.Relu(b.Conv(x, 16, 16, new Window([1, 5], [1, 1], [0, 2, 0, 2], [1, 1]))), 16, 16, new Window([5, 1], [1, 1], [2, 0, 2, 0], [1, 1])));
        var dilated = b.Relu(b.Conv(x, 16, 8, new Window([3, 3], [1, 1], [2, 2, 2, 2], [2, 2])));
        var joined = b.Node(new Concat(1), factored, dilated);
        var gate = b.Node(new Sigmoid(), b.Conv(b.Relu(b.Conv(b.Node(new GlobalAveragePool(), joined), 24, 8, 1, 1)), 8, 24, 1, 1));
        // One pad more at the end than at the beginning, as TensorFlow has it.
        return b.Head(b.Relu(b.Conv(b.Node(new Mul(), joined, gate), 24, 16, new Window([3, 3], [2, 2], [0, 0, 1, 1], [1, 1]))), 16);
    }

    /// <summary>A MobileNet in small: behind the first layer everything is depthwise or 1x1.</summary>
    public static GraphSpec Depthwise(int seed = 7)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv("image", 3, 16, 3, 2));
        return b.Head(b.Relu(b.Conv(b.Relu(b.Conv(x, 16, 16, 3, 1, groups: 16)), 16, 24, 1, 1)), 24);
    }

    public static float[] Images(int count, int seed = 1)
    {
        var random = new Random(seed);
        var pixels = new float[count * 3 * Size * Size];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = random.Next(256);
        return pixels;
    }

    private sealed class Builder(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly List<Node> _nodes = [];
        private readonly Dictionary<string, Tensor> _constants = [];

        public string Node(Operator op, params string[] inputs)
        {
            var name = $"n{_nodes.Count}";
            _nodes.Add(new Node(name, op, inputs, [name + ".y"]));
            return name + ".y";
        }

        public string Relu(string x) => Node(new Relu(), x);

        public string Conv(string x, int inputs, int outputs, int kernel, int stride, int groups = 1) =>
            Conv(x, inputs, outputs, Window.Of(kernel, stride, kernel / 2), groups);

        public string Conv(string x, int inputs, int outputs, Window window, int groups = 1)
        {
            var name = $"w{_nodes.Count}";
            // Pixels are large: the first layer brings them down to about one.
            _constants[name] = Weights([outputs, inputs / groups, .. window.Kernel], inputs / groups * window.Kernel[0] * window.Kernel[1] * (x == "image" ? 10_000.0 : 1));
            _constants[name + ".b"] = Weights([outputs], 10);
            return Node(new Conv(window, groups), x, name, name + ".b");
        }

        public GraphSpec Head(string x, int channels)
        {
            var flat = Node(new Flatten(1), Node(new GlobalAveragePool(), x));
            _constants["head"] = Weights([Classes, channels], channels);
            _constants["head.b"] = Weights([Classes], 10);
            return Graph(Node(new Gemm(1, 1, false, true), flat, "head", "head.b"));
        }

        public GraphSpec Graph(string logits) =>
            new GraphSpec("test", [new ValueSpec("image", ElementType.Float32, [-1, 3, Size, Size])], [new ValueSpec(logits, ElementType.Float32, [-1, Classes])], _nodes, _constants).Verify();

        private Tensor Weights(int[] shape, double inputs)
        {
            var values = new float[shape.Aggregate(1, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)((_random.NextDouble() * 2 - 1) * Math.Sqrt(6 / inputs));
            return Tensor.Of(values, shape);
        }
    }
}
