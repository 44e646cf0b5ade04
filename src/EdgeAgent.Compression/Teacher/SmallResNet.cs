using EdgeAgent.Compression.Data;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// An untrained residual network for small images (about 32 x 32), as a graph: RGB 0..255 in, logits out. A stem at full
/// size, then three stages of one residual block at a half, a quarter and an eighth of it.
/// </summary>
public static class SmallResNet
{
    /// <param name="width">Channels of the stem and the first stage; each further stage has twice as many.</param>
    /// <param name="seed">Of the initial weights (He et al. 2015).</param>
    public static GraphSpec Create(int size, int classes, int width, ulong seed)
    {
        var builder = new Builder(seed);
        // Pixels to about [-2, 2].
        var x = builder.Add("centre", new Sub(), "image", builder.Scalar("mean", 127.5f));
        x = builder.Add("scale", new Mul(), x, builder.Scalar("factor", 1 / 64f));
        x = builder.Relu("stem", builder.ConvNorm("stem", x, 3, width, 3, 1));
        var channels = width;
        for (var stage = 1; stage <= 3; stage++)
        {
            var output = width << (stage - 1);
            var name = $"stage{stage}";
            var a = builder.Relu($"{name}.a", builder.ConvNorm($"{name}.a", x, channels, output, 3, 2));
            var b = builder.ConvNorm($"{name}.b", a, output, output, 3, 1);
            var skip = builder.ConvNorm($"{name}.skip", x, channels, output, 1, 2);
            x = builder.Relu(name, builder.Add($"{name}.sum", new Add(), b, skip));
            channels = output;
        }
        x = builder.Add("pool", new GlobalAveragePool(), x);
        x = builder.Add("flatten", new Flatten(1), x);
        builder.Constants["head.w"] = builder.Weights([classes, channels], channels);
        builder.Constants["head.b"] = Tensor.Of(new float[classes], classes);
        builder.Nodes.Add(new Node("head", new Gemm(1, 1, false, true), [x, "head.w", "head.b"], ["logits"]));
        return new GraphSpec(
            "small-resnet",
            [new ValueSpec("image", ElementType.Float32, [-1, 3, size, size])],
            [new ValueSpec("logits", ElementType.Float32, [-1, classes])],
            builder.Nodes,
            builder.Constants).Verify();
    }

    private sealed class Builder(ulong seed)
    {
        private readonly CounterRandom _random = CounterRandom.Of(seed, 0x1217);
        private int _drawn;

        public List<Node> Nodes { get; } = [];

        public Dictionary<string, Tensor> Constants { get; } = [];

        public string Add(string name, Operator op, params string[] inputs)
        {
            Nodes.Add(new Node(name, op, inputs, [name + ".y"]));
            return name + ".y";
        }

        public string Relu(string name, string input) => Add(name + ".relu", new Relu(), input);

        public string Scalar(string name, float value)
        {
            Constants[name] = Tensor.Of([value], 1);
            return name;
        }

        public string ConvNorm(string name, string input, int channels, int output, int kernel, int stride)
        {
            Constants[name + ".w"] = Weights([output, channels, kernel, kernel], channels * kernel * kernel);
            foreach (var (part, value) in ((string, float)[])[("scale", 1), ("bias", 0), ("mean", 0), ("var", 1)])
                Constants[$"{name}.{part}"] = Tensor.Of(Enumerable.Repeat(value, output).ToArray(), output);
            var convolved = Add(name + ".conv", new Conv(Window.Of(kernel, stride, kernel / 2), 1), input, name + ".w");
            return Add(name + ".norm", new BatchNormalization(1e-5f), convolved, name + ".scale", name + ".bias", name + ".mean", name + ".var");
        }

        /// <summary>Normal with variance 2 / inputs (Box and Muller).</summary>
        public Tensor Weights(int[] shape, int inputs)
        {
            var values = new float[shape.Aggregate(1, (a, b) => a * b)];
            var deviation = Math.Sqrt(2.0 / inputs);
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - _random.Unit(_drawn++))) * Math.Cos(2 * Math.PI * _random.Unit(_drawn++)));
            return Tensor.Of(values, shape);
        }
    }
}
