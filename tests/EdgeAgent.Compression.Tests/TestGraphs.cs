using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Tests;

/// <summary>How a model's file writes a dense layer.</summary>
public enum DenseForm
{
    /// <summary>PyTorch: weights [outputs, inputs].</summary>
    Transposed,

    /// <summary>Keras: weights [inputs, outputs].</summary>
    Plain,

    /// <summary>TensorFlow: a product, then an addition.</summary>
    TwoNodes,
}

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

    /// <summary>A hidden dense layer without a batch-norm; the same numbers in each form.</summary>
    public static GraphSpec Hidden(DenseForm form, int seed = 8)
    {
        var b = new Builder(seed);
        var x = b.Node(new Flatten(1), b.Node(new GlobalAveragePool(), b.Relu(b.Conv("image", 3, 12, 3, 2))));
        return b.Graph(b.Dense(b.Relu(b.Dense(x, 12, 32, form)), 32, Classes, form));
    }

    /// <summary>Takes RGB and computes with BGR, cuts rows and columns off, bends by PReLU, and normalises the vectors in front of its dense layers.</summary>
    public static GraphSpec SlicedNormed(int seed = 9)
    {
        var b = new Builder(seed);
        var x = b.Conv(b.Pixels(new StridedSlice([-1], [int.MinValue], [1], [-1])), 3, 16, 3, 2);
        x = b.Node(new StridedSlice([1, 0], [int.MaxValue, 7], [2, 3], [1, 1]), b.Node(new PRelu(), x, b.Constant([16, 1, 1], 20)));
        x = b.Node(new Flatten(1), b.Node(new GlobalAveragePool(), b.Relu(b.Conv(x, 16, 24, 3, 1))));
        x = b.Relu(b.Dense(b.Norm(x, 24), 24, 32, DenseForm.Plain));
        return b.Graph(b.Dense(b.Norm(x, 32), 32, Classes, DenseForm.TwoNodes));
    }

    /// <summary>Makes its images larger first, for which there is no arithmetic in int8.</summary>
    public static GraphSpec Resized(int seed = 10)
    {
        var b = new Builder(seed);
        var x = b.Pixels(new Resize([2 * Size, 2 * Size], [2, 2], ResizeCoordinates.Asymmetric, ResizeRounding.Floor));
        return b.Head(b.Relu(b.Conv(b.Relu(b.Conv(x, 3, 16, 3, 2)), 16, 24, 3, 2)), 24);
    }

    /// <summary>A shuffle of channels, as ShuffleNet has it: the simulation moves bytes, the plan has no such operator.</summary>
    public static GraphSpec Shuffled(int seed = 11)
    {
        var b = new Builder(seed);
        var x = b.Relu(b.Conv("image", 3, 16, 3, 2));
        x = b.Node(new Reshape([0, 16, 8, 8]), b.Node(new Transpose([0, 2, 1, 3, 4]), b.Node(new Reshape([0, 2, 8, 8, 8]), x)));
        return b.Head(b.Relu(b.Conv(x, 16, 24, 3, 2)), 24);
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
        private readonly HashSet<string> _pixels = ["image"];

        public string Node(Operator op, params string[] inputs)
        {
            var name = $"n{_nodes.Count}";
            _nodes.Add(new Node(name, op, inputs, [name + ".y"]));
            return name + ".y";
        }

        public string Relu(string x) => Node(new Relu(), x);

        /// <summary>The image moved in some way, its pixels still 0..255.</summary>
        public string Pixels(Operator op)
        {
            var moved = Node(op, "image");
            _pixels.Add(moved);
            return moved;
        }

        public string Constant(int[] shape, double inputs)
        {
            var name = $"c{_constants.Count}";
            _constants[name] = Weights(shape, inputs);
            return name;
        }

        public string Dense(string x, int inputs, int outputs, DenseForm form)
        {
            var rows = Weights([outputs, inputs], inputs);
            var columns = new float[rows.Count];
            for (var i = 0; i < columns.Length; i++)
                columns[i % inputs * outputs + i / inputs] = rows.Floats[i];
            var (name, bias) = ($"w{_nodes.Count}", Constant([outputs], 10));
            _constants[name] = form == DenseForm.Transposed ? rows : Tensor.Of(columns, inputs, outputs);
            return form == DenseForm.TwoNodes ? Node(new Add(), Node(new MatMul(), x, name), bias) : Node(new Gemm(1, 1, false, form == DenseForm.Transposed), x, name, bias);
        }

        public string Norm(string x, int channels)
        {
            var variance = Constant([channels], 10);
            for (var i = 0; i < channels; i++)
                _constants[variance].Floats[i] = 0.5f + Math.Abs(_constants[variance].Floats[i]);
            return Node(new BatchNormalization(1e-5f), x, Constant([channels], 2), Constant([channels], 10), Constant([channels], 10), variance);
        }

        public string Conv(string x, int inputs, int outputs, int kernel, int stride, int groups = 1) =>
            Conv(x, inputs, outputs, Window.Of(kernel, stride, kernel / 2), groups);

        public string Conv(string x, int inputs, int outputs, Window window, int groups = 1)
        {
            var name = $"w{_nodes.Count}";
            // Pixels are large: the first layer brings them down to about one.
            _constants[name] = Weights([outputs, inputs / groups, .. window.Kernel], inputs / groups * window.Kernel[0] * window.Kernel[1] * (_pixels.Contains(x) ? 10_000.0 : 1));
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
