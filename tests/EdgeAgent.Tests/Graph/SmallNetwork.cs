using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;

namespace EdgeAgent.Tests.Graph;

/// <summary>
/// One small network with random weights that tests write in every channels-last format: a strided convolution with
/// batch-norm, a depthwise one with two channels for each, a residual addition, a pool, and dense layers behind a Flatten.
/// </summary>
internal sealed class SmallNetwork
{
    public const int Height = 12, Width = 10, Channels = 3, Classes = 4;
    public const double Epsilon = 1e-3;

    private readonly Random _random;

    public SmallNetwork(int seed)
    {
        _random = new(seed);
        Kernel = Uniform(0.5f, 3, 3, Channels, 4);
        Bias = Uniform(0.2f, 4);
        (Gamma, Beta, Mean, Variance) = (Uniform(1, 4), Uniform(1, 4), Uniform(1, 4), Uniform(1, 4));
        for (var i = 0; i < Variance.Count; i++)
            Variance.Floats[i] = MathF.Abs(Variance.Floats[i]) + 0.2f;
        Spread = Uniform(0.5f, 3, 3, 4, 2);
        (Mix, MixBias) = (Uniform(0.5f, 1, 1, 8, 6), Uniform(0.2f, 6));
        Skip = Uniform(0.5f, 1, 1, 4, 6);
        (Hidden, HiddenBias) = (Uniform(0.3f, 36, 7), Uniform(0.2f, 7));
        (Head, HeadBias) = (Uniform(0.6f, 7, Classes), Uniform(0.2f, Classes));
    }

    public Tensor Kernel { get; }

    public Tensor Bias { get; }

    public Tensor Gamma { get; }

    public Tensor Beta { get; }

    public Tensor Mean { get; }

    public Tensor Variance { get; }

    public Tensor Spread { get; }

    public Tensor Mix { get; }

    public Tensor MixBias { get; }

    public Tensor Skip { get; }

    public Tensor Hidden { get; }

    public Tensor HiddenBias { get; }

    public Tensor Head { get; }

    public Tensor HeadBias { get; }

    public Tensor Images(int count) => Uniform(2, count, Height, Width, Channels);

    public Tensor Expected(Tensor x)
    {
        x = ChannelsLastMath.Conv(x, Kernel, Bias, stride: 2);
        x = ChannelsLastMath.Each(ChannelsLastMath.BatchNorm(x, Epsilon, Gamma, Beta, Mean, Variance), v => Math.Clamp(v, 0, 6));
        var mixed = ChannelsLastMath.Conv(ChannelsLastMath.Depthwise(x, Spread, null), Mix, MixBias);
        var sum = ChannelsLastMath.Relu(ChannelsLastMath.Add(mixed, ChannelsLastMath.Conv(x, Skip, null)));
        var features = ChannelsLastMath.Flatten(ChannelsLastMath.MaxPool(sum, 2, 2));
        return ChannelsLastMath.Softmax(ChannelsLastMath.Dense(ChannelsLastMath.Each(ChannelsLastMath.Dense(features, Hidden, HiddenBias), Math.Tanh), Head, HeadBias));
    }

    public (KerasFile File, string Output) Keras()
    {
        var file = new KerasFile();
        var x = file.Layer("Conv2D", new() { ["filters"] = 4, ["kernel_size"] = Pair(3), ["strides"] = Pair(2), ["padding"] = "same", ["activation"] = "linear", ["use_bias"] = true },
            [("kernel", Kernel), ("bias", Bias)], file.Input(Height, Width, Channels));
        x = file.Layer("BatchNormalization", new() { ["axis"] = new JsonArray(3), ["epsilon"] = Epsilon }, [("gamma", Gamma), ("beta", Beta), ("moving_mean", Mean), ("moving_variance", Variance)], x);
        x = file.Layer("ReLU", new() { ["max_value"] = 6.0 }, None, x);
        var mixed = file.Layer("DepthwiseConv2D", new() { ["kernel_size"] = Pair(3), ["strides"] = Pair(1), ["padding"] = "same", ["use_bias"] = false, ["depth_multiplier"] = 2 }, [("depthwise_kernel", Spread)], x);
        mixed = file.Layer("Conv2D", new() { ["filters"] = 6, ["kernel_size"] = Pair(1), ["padding"] = "valid" }, [("kernel", Mix), ("bias", MixBias)], mixed);
        var skip = file.Layer("Conv2D", new() { ["filters"] = 6, ["kernel_size"] = Pair(1), ["padding"] = "valid", ["use_bias"] = false }, [("kernel", Skip)], x);
        x = file.Layer("Activation", new() { ["activation"] = "relu" }, None, file.Layer("Add", [], None, mixed, skip));
        x = file.Layer("Flatten", [], None, file.Layer("MaxPooling2D", new() { ["pool_size"] = Pair(2), ["strides"] = Pair(2), ["padding"] = "valid" }, None, x));
        x = file.Layer("Dropout", new() { ["rate"] = 0.5 }, None, x);
        x = file.Layer("Dense", new() { ["units"] = 7, ["activation"] = "tanh" }, [("kernel", Hidden), ("bias", HiddenBias)], x);
        return (file, file.Layer("Dense", new() { ["units"] = Classes, ["activation"] = "softmax" }, [("kernel", Head), ("bias", HeadBias)], x));
    }

    private static IReadOnlyList<(string, Tensor)> None => [];

    private static JsonArray Pair(int value) => new(value, value);

    private Tensor Uniform(float range, params int[] shape) =>
        Tensor.Of([.. Enumerable.Range(0, shape.Aggregate(1, (a, d) => a * d)).Select(_ => (_random.NextSingle() * 2 - 1) * range)], shape);
}
