using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>
/// Image classifiers at their full depth and width, layer by layer as keras.applications builds them, with random weights (He et
/// al. 2015) on small images. Batch-norms start as new ones do; those behind swish and gates, which halve their values, have factors
/// that make up for it, and residual branches small ones, so that values stay near 1.
/// </summary>
internal sealed class Architectures
{
    private const int Classes = 1000;

    private readonly Random _random;
    private readonly double _epsilon;
    private readonly float _gain;

    private Architectures(double epsilon, float gain) => (_epsilon, _gain, _random) = (epsilon, gain, new(1));

    private KerasFile File { get; } = new();

    /// <summary>Names of <see cref="Build"/>, with sides of images that take the network through all of its depth.</summary>
    public static IReadOnlyDictionary<string, int> Sides { get; } = new Dictionary<string, int>
    {
        ["MobileNet v1"] = 64, ["MobileNet v2"] = 64, ["MobileNet v3"] = 64, ["EfficientNet-B0"] = 64, ["ResNet-50"] = 64, ["Inception v3"] = 80, ["NASNet-A mobile"] = 64,
    };

    /// <summary>The model, and the name of its output.</summary>
    public static (KerasFile File, string Output) Build(string name)
    {
        var (net, side) = (new Architectures(name is "MobileNet v2" or "MobileNet v3" or "Inception v3" or "NASNet-A mobile" ? 1e-3 : 1.001e-5, name == "EfficientNet-B0" ? 1.3f : 1), Sides[name]);
        var image = new Layer(net.File.Input(side, side, 3), 3, side);
        var output = name switch
        {
            "MobileNet v1" => net.MobileNet1(image),
            "MobileNet v2" => net.MobileNet2(image),
            "MobileNet v3" => net.MobileNet3(image),
            "EfficientNet-B0" => net.EfficientNet(image),
            "ResNet-50" => net.ResNet(image),
            "Inception v3" => net.Inception(image),
            _ => net.NasNet(image),
        };
        return (net.File, output.Name);
    }

    private Layer MobileNet1(Layer x)
    {
        x = Activation("relu6", Norm(Conv(Pad(x, 0, 1), 32, 3, 2, same: false)));
        foreach (var (filters, stride) in ((int, int)[])[(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)])
        {
            x = Activation("relu6", Norm(Depthwise(stride == 2 ? Pad(x, 0, 1) : x, 3, stride, same: stride == 1)));
            x = Activation("relu6", Norm(Conv(x, filters, 1)));
        }
        x = Conv(Plain("Dropout", new() { ["rate"] = 0.001 }, Pooled(x, keep: true)), Classes, 1, bias: true);
        return Activation("softmax", Plain("Reshape", new() { ["target_shape"] = new JsonArray(Classes) }, x));
    }

    private Layer MobileNet2(Layer x)
    {
        x = Activation("relu6", Norm(Conv(x, 32, 3, 2)));
        foreach (var (expansion, filters, count, first) in ((int, int, int, int)[])[(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)])
            for (var i = 0; i < count; i++)
            {
                var (input, stride) = (x, i == 0 ? first : 1);
                if (expansion > 1)
                    x = Activation("relu6", Norm(Conv(x, expansion * x.Channels, 1)));
                x = Activation("relu6", Norm(Depthwise(stride == 2 ? CorrectPad(x, 3) : x, 3, stride, same: stride == 1)));
                x = Norm(Conv(x, filters, 1));
                x = stride == 1 && input.Channels == filters ? Sum(input, x) : x;
            }
        return Head(Activation("relu6", Norm(Conv(x, 1280, 1))));
    }

    private Layer MobileNet3(Layer x)
    {
        x = HardSwish(Norm(Conv(x, 16, 3, 2)));
        foreach (var (kernel, expanded, filters, excite, swish, stride) in ((int, int, int, bool, bool, int)[])
            [
                (3, 16, 16, false, false, 1), (3, 64, 24, false, false, 2), (3, 72, 24, false, false, 1), (5, 72, 40, true, false, 2), (5, 120, 40, true, false, 1), (5, 120, 40, true, false, 1),
                (3, 240, 80, false, true, 2), (3, 200, 80, false, true, 1), (3, 184, 80, false, true, 1), (3, 184, 80, false, true, 1), (3, 480, 112, true, true, 1), (3, 672, 112, true, true, 1),
                (5, 672, 160, true, true, 2), (5, 960, 160, true, true, 1), (5, 960, 160, true, true, 1),
            ])
        {
            var input = x;
            Layer Activated(Layer y) => swish ? HardSwish(y) : Activation("relu", y);
            if (expanded != x.Channels)
                x = Activated(Norm(Conv(x, expanded, 1)));
            x = Activated(Norm(Depthwise(stride == 2 ? CorrectPad(x, kernel) : x, kernel, stride, same: stride == 1)));
            if (excite)
            {
                // A quarter, rounded to a multiple of 8 that is not more than a tenth less.
                var rounded = (expanded / 4 + 4) / 8 * 8;
                var gate = Activation("relu", Conv(Pooled(x, keep: true), rounded < 0.9 * expanded / 4 ? rounded + 8 : rounded, 1, bias: true));
                x = Times(x, HardSigmoid(Conv(gate, expanded, 1, bias: true)));
            }
            x = Norm(Conv(x, filters, 1));
            x = stride == 1 && input.Channels == filters ? Sum(input, x) : x;
        }
        x = HardSwish(Norm(Conv(x, 960, 1)));
        x = HardSwish(Conv(Pooled(x, keep: true), 1280, 1, bias: true));
        return Activation("softmax", Plain("Flatten", [], Conv(x, Classes, 1, bias: true)));
    }

    private Layer EfficientNet(Layer x)
    {
        x = Plain("Rescaling", new() { ["scale"] = 1 / 2.0, ["offset"] = 0.0 }, x);
        x = Activation("swish", Norm(Conv(CorrectPad(x, 3), 32, 3, 2, same: false)));
        foreach (var (expansion, kernel, first, filters, count) in ((int, int, int, int, int)[])
            [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)])
            for (var i = 0; i < count; i++)
            {
                var (input, stride) = (x, i == 0 ? first : 1);
                if (expansion > 1)
                    x = Activation("swish", Norm(Conv(x, expansion * x.Channels, 1)));
                x = Activation("swish", Norm(Depthwise(stride == 2 ? CorrectPad(x, kernel) : x, kernel, stride, same: stride == 1)));
                var gate = Plain("Reshape", new() { ["target_shape"] = new JsonArray(1, 1, x.Channels) }, Pooled(x)) with { Channels = x.Channels, Side = 1 };
                gate = Activation("swish", Conv(gate, Math.Max(1, input.Channels / 4), 1, bias: true));
                x = Times(x, Activation("sigmoid", Conv(gate, x.Channels, 1, bias: true)));
                x = Norm(Conv(x, filters, 1));
                x = stride == 1 && input.Channels == filters ? Sum(Plain("Dropout", new() { ["rate"] = 0.1, ["noise_shape"] = new JsonArray(null, 1, 1, 1) }, x), input) : x;
            }
        return Head(Activation("swish", Norm(Conv(x, 1280, 1))));
    }

    private Layer ResNet(Layer x)
    {
        x = Activation("relu", Norm(Conv(Pad(x, 3, 3), 64, 7, 2, same: false, bias: true)));
        x = Pool("MaxPooling2D", Pad(x, 1, 1), 3, 2, same: false);
        foreach (var (filters, count, first) in ((int, int, int)[])[(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)])
            for (var i = 0; i < count; i++)
            {
                var stride = i == 0 ? first : 1;
                var skip = i == 0 ? Norm(Conv(x, 4 * filters, 1, stride, bias: true)) : x;
                var y = Activation("relu", Norm(Conv(x, filters, 1, stride, bias: true)));
                y = Activation("relu", Norm(Conv(y, filters, 3, bias: true)));
                x = Activation("relu", Sum(skip, Norm(Conv(y, 4 * filters, 1, bias: true), factor: 0.3f)));
            }
        return Head(x);
    }

    private Layer Inception(Layer x)
    {
        Layer Unit(Layer y, int filters, int height, int width, int stride = 1, bool same = true) =>
            Activation("relu", Norm(Conv(y, filters, height, stride, same, width: width), scaled: false));
        Layer Mean(Layer y) => Pool("AveragePooling2D", y, 3, 1, same: true);
        x = Unit(Unit(Unit(x, 32, 3, 3, 2, same: false), 32, 3, 3, same: false), 64, 3, 3);
        x = Unit(Unit(Pool("MaxPooling2D", x, 3, 2, same: false), 80, 1, 1, same: false), 192, 3, 3, same: false);
        x = Pool("MaxPooling2D", x, 3, 2, same: false);
        foreach (var pooled in (int[])[32, 64, 64])
            x = Joined(Unit(x, 64, 1, 1), Unit(Unit(x, 48, 1, 1), 64, 5, 5), Unit(Unit(Unit(x, 64, 1, 1), 96, 3, 3), 96, 3, 3), Unit(Mean(x), pooled, 1, 1));
        x = Joined(Unit(x, 384, 3, 3, 2, same: false), Unit(Unit(Unit(x, 64, 1, 1), 96, 3, 3), 96, 3, 3, 2, same: false), Pool("MaxPooling2D", x, 3, 2, same: false));
        foreach (var c in (int[])[128, 160, 160, 192])
            x = Joined(
                Unit(x, 192, 1, 1), Unit(Unit(Unit(x, c, 1, 1), c, 1, 7), 192, 7, 1),
                Unit(Unit(Unit(Unit(Unit(x, c, 1, 1), c, 7, 1), c, 1, 7), c, 7, 1), 192, 1, 7), Unit(Mean(x), 192, 1, 1));
        x = Joined(
            Unit(Unit(x, 192, 1, 1), 320, 3, 3, 2, same: false),
            Unit(Unit(Unit(Unit(x, 192, 1, 1), 192, 1, 7), 192, 7, 1), 192, 3, 3, 2, same: false), Pool("MaxPooling2D", x, 3, 2, same: false));
        for (var i = 0; i < 2; i++)
        {
            var (narrow, twice) = (Unit(x, 384, 1, 1), Unit(Unit(x, 448, 1, 1), 384, 3, 3));
            x = Joined(
                Unit(x, 320, 1, 1), Joined(Unit(narrow, 384, 1, 3), Unit(narrow, 384, 3, 1)),
                Joined(Unit(twice, 384, 1, 3), Unit(twice, 384, 3, 1)), Unit(Mean(x), 192, 1, 1));
        }
        return Head(x);
    }

    private Layer NasNet(Layer x)
    {
        const int filters = 1056 / 24;
        x = Norm(Conv(x, 32, 3, 2, same: false));
        Layer? before = null;
        (x, before) = ReductionCell(x, before, filters / 4);
        (x, before) = ReductionCell(x, before, filters / 2);
        for (var stage = 0; stage < 3; stage++)
        {
            if (stage > 0)
                (x, before) = ReductionCell(x, before, filters << stage);
            for (var i = 0; i < 4; i++)
                (x, before) = NormalCell(x, before, filters << stage);
        }
        return Head(Activation("relu", x));
    }

    private (Layer Output, Layer Before) NormalCell(Layer x, Layer? before, int filters)
    {
        var p = Adjusted(before, x, filters);
        var h = Norm(Conv(Activation("relu", x), filters, 1));
        Layer Mean(Layer y) => Pool("AveragePooling2D", y, 3, 1, same: true);
        return (Joined(
            p, Sum(Separable(h, 5, filters), Separable(p, 3, filters)), Sum(Separable(p, 5, filters), Separable(p, 3, filters)),
            Sum(Mean(h), p), Sum(Mean(p), Mean(p)), Sum(Separable(h, 3, filters), h)), x);
    }

    private (Layer Output, Layer Before) ReductionCell(Layer x, Layer? before, int filters)
    {
        var p = Adjusted(before, x, filters);
        var h = Norm(Conv(Activation("relu", x), filters, 1));
        var padded = CorrectPad(h, 3);
        var first = Sum(Separable(h, 5, filters, 2), Separable(p, 7, filters, 2));
        var second = Sum(Pool("MaxPooling2D", padded, 3, 2, same: false), Separable(p, 7, filters, 2));
        var third = Sum(Pool("AveragePooling2D", padded, 3, 2, same: false), Separable(p, 5, filters, 2));
        var fourth = Sum(Pool("AveragePooling2D", first, 3, 1, same: true), second);
        var fifth = Sum(Separable(first, 3, filters), Pool("MaxPooling2D", padded, 3, 2, same: false));
        return (Joined(second, third, fourth, fifth), x);
    }

    /// <summary>The cell before the last at the size and width of this one; in the first cell the image as it is.</summary>
    private Layer Adjusted(Layer? before, Layer x, int filters)
    {
        if (before is not { } p)
            return x;
        if (p.Side != x.Side)
        {
            p = Activation("relu", p);
            var even = Conv(Pool("AveragePooling2D", p, 1, 2, same: false), filters / 2, 1);
            var shifted = Plain("Cropping2D", new() { ["cropping"] = Pairs(1, 0) }, Pad(p, 0, 1)) with { Side = p.Side };
            return Norm(Joined(even, Conv(Pool("AveragePooling2D", shifted, 1, 2, same: false), filters / 2, 1)));
        }
        return p.Channels == filters ? p : Norm(Conv(Activation("relu", p), filters, 1));
    }

    private Layer Separable(Layer x, int kernel, int filters, int stride = 1)
    {
        x = Activation("relu", x);
        x = Norm(SeparableConv(stride == 2 ? CorrectPad(x, kernel) : x, filters, kernel, stride, same: stride == 1));
        return Norm(SeparableConv(Activation("relu", x), filters, kernel, 1, same: true));
    }

    private Layer Head(Layer x) => Add("Dense", new() { ["units"] = Classes, ["activation"] = "softmax" }, [("kernel", Weights(x.Channels, x.Channels, Classes)), ("bias", Filled(Classes, 0))], Pooled(x), Classes, 1);

    private Layer Pooled(Layer x, bool keep = false) => Plain("GlobalAveragePooling2D", new() { ["keepdims"] = keep }, x) with { Side = 1 };

    private Layer Conv(Layer x, int filters, int height, int stride = 1, bool same = true, bool bias = false, int width = 0)
    {
        width = width > 0 ? width : height;
        var kernel = Weights(height * width * x.Channels, height, width, x.Channels, filters);
        return Add("Conv2D", Window(height, width, stride, same, bias), bias ? [("kernel", kernel), ("bias", Filled(filters, 0))] : [("kernel", kernel)], x, filters, Size(x.Side, Math.Max(height, width), stride, same));
    }

    private Layer Depthwise(Layer x, int kernel, int stride, bool same) =>
        Add("DepthwiseConv2D", Window(kernel, kernel, stride, same, bias: false), [("depthwise_kernel", Weights(kernel * kernel, kernel, kernel, x.Channels, 1))], x, x.Channels, Size(x.Side, kernel, stride, same));

    private Layer SeparableConv(Layer x, int filters, int kernel, int stride, bool same) => Add("SeparableConv2D", Window(kernel, kernel, stride, same, bias: false),
        [("depthwise_kernel", Weights(2 * kernel * kernel, kernel, kernel, x.Channels, 1)), ("pointwise_kernel", Weights(x.Channels, 1, 1, x.Channels, filters))], x, filters, Size(x.Side, kernel, stride, same));

    private Layer Norm(Layer x, bool scaled = true, float factor = 1)
    {
        var channels = x.Channels;
        var weights = new List<(string, Tensor)> { ("beta", Filled(channels, 0)), ("moving_mean", Filled(channels, 0)), ("moving_variance", Filled(channels, 1)) };
        if (scaled)
            weights.Insert(0, ("gamma", Filled(channels, _gain * factor)));
        return Add("BatchNormalization", new() { ["axis"] = new JsonArray(3), ["epsilon"] = _epsilon, ["scale"] = scaled }, weights, x, channels, x.Side);
    }

    private Layer Pool(string type, Layer x, int size, int stride, bool same) =>
        Plain(type, new() { ["pool_size"] = Pair(size, size), ["strides"] = Pair(stride, stride), ["padding"] = same ? "same" : "valid" }, x) with { Side = Size(x.Side, size, stride, same) };

    private Layer Pad(Layer x, int before, int after) => Plain("ZeroPadding2D", new() { ["padding"] = Pairs(before, after) }, x) with { Side = x.Side + before + after };

    /// <summary>What a window of stride 2 needs to have the image's size halved: one less in front where the size is even.</summary>
    private Layer CorrectPad(Layer x, int kernel) => Pad(x, kernel / 2 - (1 - x.Side % 2), kernel / 2);

    private Layer Activation(string function, Layer x) => function == "relu6" ? Plain("ReLU", new() { ["max_value"] = 6.0 }, x) : Plain("Activation", new() { ["activation"] = function }, x);

    /// <summary>relu6(x + 3) / 6</summary>
    private Layer HardSigmoid(Layer x) =>
        Plain("Rescaling", new() { ["scale"] = 1 / 6.0, ["offset"] = 0.0 }, Activation("relu6", Plain("Rescaling", new() { ["scale"] = 1.0, ["offset"] = 3.0 }, x)));

    private Layer HardSwish(Layer x) => Times(x, HardSigmoid(x));

    private Layer Sum(Layer a, Layer b) => a with { Name = File.Layer("Add", [], (IReadOnlyList<(string, Tensor)>)[], a.Name, b.Name) };

    private Layer Times(Layer x, Layer gate) => x with { Name = File.Layer("Multiply", [], (IReadOnlyList<(string, Tensor)>)[], x.Name, gate.Name) };

    private Layer Joined(params Layer[] parts) =>
        parts[0] with { Name = File.Layer("Concatenate", new() { ["axis"] = 3 }, (IReadOnlyList<(string, Tensor)>)[], [.. parts.Select(p => p.Name)]), Channels = parts.Sum(p => p.Channels) };

    private Layer Plain(string type, JsonObject config, Layer x) => Add(type, config, [], x, x.Channels, x.Side);

    private Layer Add(string type, JsonObject config, IReadOnlyList<(string Name, Tensor Value)> weights, Layer x, int channels, int side) => new(File.Layer(type, config, weights, x.Name), channels, side);

    private static JsonObject Window(int height, int width, int stride, bool same, bool bias) =>
        new() { ["kernel_size"] = Pair(height, width), ["strides"] = Pair(stride, stride), ["padding"] = same ? "same" : "valid", ["use_bias"] = bias };

    private static JsonArray Pair(int first, int second) => new(first, second);

    private static JsonArray Pairs(int before, int after) => new(Pair(before, after), Pair(before, after));

    private static int Size(int side, int window, int stride, bool same) => same ? (side + stride - 1) / stride : (side - window) / stride + 1;

    private static Tensor Filled(int count, float value) => Tensor.Of(Enumerable.Repeat(value, count).ToArray(), count);

    private Tensor Weights(int inputs, params int[] shape)
    {
        var (values, range) = (new float[shape.Aggregate(1, (a, d) => a * d)], MathF.Sqrt(6f / inputs));
        for (var i = 0; i < values.Length; i++)
            values[i] = (_random.NextSingle() * 2 - 1) * range;
        return Tensor.Of(values, shape);
    }

    /// <summary>A layer's output: square images of <paramref name="Side"/> with so many channels.</summary>
    private readonly record struct Layer(string Name, int Channels, int Side);
}
