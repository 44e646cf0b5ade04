using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>One converter per class of layer: reads its configuration and weights and emits the IR nodes.</summary>
internal static class KerasLayers
{
    private delegate Laid Converter(KerasCall call, bool keras3);

    /// <summary>Layers that do nothing when a model is used: noise, augmentation and penalties of training.</summary>
    private static readonly string[] _trainingOnly =
    [
        "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "RandomBrightness", "RandomContrast", "RandomFlip",
        "RandomRotation", "RandomTranslation", "RandomZoom", "SpatialDropout1D", "SpatialDropout2D",
    ];

    private static readonly Dictionary<string, Converter> _all = new()
    {
        ["Activation"] = (c, k) => KerasActivations.Apply(c, c.Config["activation"], c.X, k),
        ["AdditiveAttention"] = (c, _) => KerasAttention.Single(c, additive: true),
        ["Attention"] = (c, _) => KerasAttention.Single(c, additive: false),
        ["Add"] = (c, _) => Merge(c, new Add()),
        ["Average"] = (c, _) => c.Graph.Binary(c.Name + "_mean", new Mul(), Merge(c, new Add()), Number(c, "share", 1f / c.Inputs.Count)),
        ["AveragePooling1D"] = (c, _) => Pool(c, 1, w => new AveragePool(w, false, false)),
        ["AveragePooling2D"] = (c, _) => Pool(c, 2, w => new AveragePool(w, false, false)),
        ["BatchNormalization"] = (c, _) => BatchNormalization(c),
        ["CenterCrop"] = (c, _) => CenterCrop(c),
        ["Concatenate"] = (c, _) => c.Graph.Concat(c.Name, c.Inputs, Axis(c, c.Config["axis", "concat_axis"].Int(-1), c.Shape.Length)),
        ["Conv1D"] = (c, k) => Convolution(c, 1, k),
        ["Conv2D"] = (c, k) => Convolution(c, 2, k),
        ["Conv1DTranspose"] = (c, k) => Transposed(c, 1, k),
        ["Conv2DTranspose"] = (c, k) => Transposed(c, 2, k),
        ["Cropping1D"] = (c, _) => Crop(c, 1),
        ["Cropping2D"] = (c, _) => Crop(c, 2),
        ["Dense"] = Dense,
        ["DepthwiseConv1D"] = (c, k) => Depthwise(c, 1, k),
        ["DepthwiseConv2D"] = (c, k) => Depthwise(c, 2, k),
        ["Dot"] = (c, _) => KerasAttention.Dot(c),
        ["EinsumDense"] = EinsumDense,
        ["ELU"] = (c, _) => c.Graph.Unary(c.Name, new Elu((float)c.Config["alpha"].Number(1)), c.X),
        ["Embedding"] = (c, _) => KerasSequences.Embedding(c),
        ["Flatten"] = (c, _) => Flatten(c),
        ["GroupNormalization"] = (c, _) => KerasNormalizations.Group(c),
        ["GlobalAveragePooling1D"] = (c, _) => GlobalPool(c, 1, max: false),
        ["GlobalAveragePooling2D"] = (c, _) => GlobalPool(c, 2, max: false),
        ["GlobalMaxPooling1D"] = (c, _) => GlobalPool(c, 1, max: true),
        ["GlobalMaxPooling2D"] = (c, _) => GlobalPool(c, 2, max: true),
        ["Identity"] = (c, _) => c.X,
        ["LayerNormalization"] = (c, _) => KerasSequences.LayerNormalization(c),
        ["LeakyReLU"] = (c, k) => c.Graph.Unary(c.Name, new LeakyRelu((float)c.Config["negative_slope", "alpha"].Number(0.3)), c.X),
        ["Masking"] = (c, _) => c.Masks!.Zeroed(c.Layer, c.X),
        ["MaxPooling1D"] = (c, _) => Pool(c, 1, w => new MaxPool(w, false)),
        ["MaxPooling2D"] = (c, _) => Pool(c, 2, w => new MaxPool(w, false)),
        ["Maximum"] = (c, _) => Merge(c, new Max()),
        ["Minimum"] = (c, _) => Merge(c, new Min()),
        ["Multiply"] = (c, _) => Merge(c, new Mul()),
        ["Normalization"] = (c, _) => Normalization(c),
        ["PReLU"] = (c, _) => c.Graph.Binary(c.Name, new PRelu(), c.X, new(c.Graph.Assembly.Constant(c.Name + "_slopes", c.Weight("alpha", 0, -1)))),
        ["Permute"] = (c, _) => Permute(c),
        ["RMSNormalization"] = (c, _) => KerasNormalizations.RootMeanSquare(c, 0),
        ["ReLU"] = (c, _) => ReLU(c),
        ["RepeatVector"] = (c, _) => KerasSequences.RepeatVector(c),
        ["Rescaling"] = (c, _) => Rescaling(c),
        ["Reshape"] = (c, _) => Reshape(c),
        ["Resizing"] = (c, _) => Resizing(c),
        ["SeparableConv1D"] = (c, k) => Separable(c, 1, k),
        ["SeparableConv2D"] = (c, k) => Separable(c, 2, k),
        ["Softmax"] = (c, _) => c.Graph.Softmax(c.Name, c.X, Axis(c, c.Config["axis"].IsArray ? c.Config["axis"].Ints(1)![0] : c.Config["axis"].Int(-1), c.Shape.Length)),
        ["Subtract"] = (c, _) => Merge(c, new Sub()),
        ["ThresholdedReLU"] = (c, _) => c.Graph.Unary(c.Name, new ThresholdedRelu((float)c.Config["theta"].Number(1)), c.X),
        ["UnitNormalization"] = (c, _) => KerasNormalizations.Unit(c),
        ["UpSampling1D"] = (c, _) => UpSampling(c, 1),
        ["UpSampling2D"] = (c, _) => UpSampling(c, 2),
        ["ZeroPadding1D"] = (c, _) => ZeroPadding(c, 1),
        ["ZeroPadding2D"] = (c, _) => ZeroPadding(c, 2),
    };

    /// <summary>Layers that may have several results: states beside their output, or scores.</summary>
    private static readonly Dictionary<string, Func<KerasCall, bool, IReadOnlyList<Laid>>> _several = new()
    {
        ["Bidirectional"] = KerasSequences.Bidirectional,
        ["GRU"] = KerasSequences.Recurrent,
        ["LSTM"] = KerasSequences.Recurrent,
        ["MultiHeadAttention"] = (c, _) => KerasAttention.MultiHead(c),
        ["SimpleRNN"] = KerasSequences.Recurrent,
    };

    /// <summary>Names of Keras 1 and short forms.</summary>
    private static readonly Dictionary<string, string> _aliases = new()
    {
        ["Convolution1D"] = "Conv1D", ["Convolution1DTranspose"] = "Conv1DTranspose", ["Convolution2DTranspose"] = "Conv2DTranspose", ["Deconvolution2D"] = "Conv2DTranspose", ["Convolution2D"] = "Conv2D", ["SeparableConvolution1D"] = "SeparableConv1D", ["SeparableConvolution2D"] = "SeparableConv2D",
        ["MaxPool1D"] = "MaxPooling1D", ["MaxPool2D"] = "MaxPooling2D", ["AvgPool1D"] = "AveragePooling1D", ["AvgPool2D"] = "AveragePooling2D",
        ["GlobalAvgPool1D"] = "GlobalAveragePooling1D", ["GlobalAvgPool2D"] = "GlobalAveragePooling2D", ["GlobalMaxPool1D"] = "GlobalMaxPooling1D", ["GlobalMaxPool2D"] = "GlobalMaxPooling2D",
    };

    /// <summary>Names for the error that refuses a layer, and for the README: those above and what <see cref="KerasModelBuilder"/> takes itself.</summary>
    public static IEnumerable<string> Supported => _all.Keys.Concat(_trainingOnly).Concat(_several.Keys).Concat(["Functional", "InputLayer", "Sequential", "TimeDistributed"]).Order(StringComparer.Ordinal);

    /// <summary>The layer's first result.</summary>
    public static Laid Convert(KerasCall call, bool keras3) => Results(call, keras3)[0];

    public static IReadOnlyList<Laid> Results(KerasCall call, bool keras3)
    {
        var name = _aliases.GetValueOrDefault(call.Layer.Class, call.Layer.Class);
        if (_trainingOnly.Contains(name))
            return [call.X];
        try
        {
            if (_several.TryGetValue(name, out var several))
                return several(call, keras3);
            return _all.TryGetValue(name, out var convert)
                ? [convert(call, keras3)]
                : throw call.Fault($"{Refusal(name)}; supported are {string.Join(", ", Supported)}");
        }
        catch (InvalidGraphException e)
        {
            throw call.Fault(e.Message);
        }
    }

    private static string Refusal(string layer) => layer switch
    {
        "Lambda" => "a Lambda holds Python code, which cannot be run here: replace it by layers and save the model again",
        "TextVectorization" or "StringLookup" => "it turns text into numbers: save the model that follows it, and give it numbers",
        _ => "the layer is not supported",
    };

    private static Laid Number(KerasCall call, string role, float number) => Activations.Number($"{call.Name}_{role}", number, call.Graph);

    private static int Axis(KerasCall call, int axis, int rank)
    {
        var index = axis < 0 ? axis + rank : axis;
        return index >= 0 && index < rank ? index : throw call.Fault($"axis {axis} is outside a tensor of rank {rank}");
    }

    private static Laid Merge(KerasCall call, BinaryOperator op)
    {
        if (call.Inputs.Count < 2)
            throw call.Fault($"is called with {call.Inputs.Count} values where at least 2 are needed");
        var result = call.X;
        for (var i = 1; i < call.Inputs.Count; i++)
            result = call.Graph.Binary(call.Name, op, result, call.Inputs[i]);
        return result;
    }

    private static Tensor? Bias(KerasCall call, int position) => call.Config["use_bias", "bias"].Flag(true) ? call.Weight("bias", position, 1) : null;

    private static Laid Activated(KerasCall call, Laid x, bool keras3) => KerasActivations.Apply(call, call.Config["activation"], x, keras3);

    private static Laid Dense(KerasCall call, bool keras3)
    {
        var (x, kernel, assembly) = (call.Graph.Plain(call.X), call.Weight("kernel", 0, 2), call.Graph.Assembly);
        var weights = assembly.Constant(call.Name + "_kernel", kernel);
        var bias = Bias(call, 1) is { } b ? assembly.Constant(call.Name + "_bias", b) : "";
        string y;
        if (call.Shape.Length == 2)
            y = assembly.Emit(call.Name, new Gemm(1, 1, false, false), bias.Length > 0 ? [x, weights, bias] : [x, weights]);
        else
        {
            y = assembly.Emit(call.Name, new MatMul(), x, weights);
            y = bias.Length > 0 ? assembly.Emit(call.Name + "_biased", new Add(), y, bias) : y;
        }
        return Activated(call, new(y), keras3);
    }

    private static Laid Convolution(KerasCall call, int axes, bool keras3)
    {
        var (x, result) = call.Spatial(axes);
        var kernel = call.Weight("kernel", 0, -1);
        // Keras 1 stores a 1-D kernel as [k, 1, inputs, outputs].
        if (axes == 1 && kernel.Shape is [var k, 1, var i, var o])
            kernel = kernel.Reshape(k, i, o);
        var shape = call.Graph.Shape(x);
        if (kernel.Shape.Length != axes + 2 || kernel.Shape[^2] < 1 || shape[^1] % kernel.Shape[^2] != 0)
            throw call.Fault($"a kernel [{string.Join(',', kernel.Shape)}] does not fit {shape[^1]} channels");
        var window = KerasWindows.Of(call, shape[1..^1], kernel.Shape[..^2]);
        return Activated(call, result(call.Graph.Conv(call.Name, x, kernel, Bias(call, 1), window, shape[^1] / kernel.Shape[^2])), keras3);
    }

    private static Laid Transposed(KerasCall call, int axes, bool keras3)
    {
        var (x, result) = call.Spatial(axes);
        var kernel = call.Weight("kernel", 0, axes + 2);
        var window = KerasWindows.Of(call, call.Graph.Shape(x)[1..^1], kernel.Shape[..^2]);
        var (same, extra) = (call.Config["padding"].Text("valid").Equals("same", StringComparison.OrdinalIgnoreCase), call.Config["output_padding"].Ints(axes));
        var sizes = new int[axes];
        for (var i = 0; i < axes; i++)
        {
            var (size, stride, reach) = ((long)call.Graph.Shape(x)[1 + i], window.Strides[i], (window.Kernel[i] - 1L) * window.Dilations[i] + 1);
            var made = extra is not null ? (size - 1) * stride + reach - (same ? reach / 2 * 2 : 0) + extra[i]
                : size * stride + (same ? 0 : Math.Max(reach - stride, 0));
            sizes[i] = made is >= 1 and <= int.MaxValue ? (int)made : throw call.Fault($"output_padding leaves {made} of axis {i}");
        }
        return Activated(call, result(call.Graph.ConvTranspose(call.Name, x, kernel, Bias(call, 1), window.Strides, window.Dilations, sizes, same)), keras3);
    }

    private static Laid Depthwise(KerasCall call, int axes, bool keras3)
    {
        var (x, result) = call.Spatial(axes);
        var kernel = call.Weight("depthwise_kernel", 0, axes + 2);
        return Activated(call, result(call.Graph.Depthwise(call.Name, x, kernel, Bias(call, 1), Window(call, x, kernel))), keras3);
    }

    private static Laid Separable(KerasCall call, int axes, bool keras3)
    {
        var (x, result) = call.Spatial(axes);
        var (depthwise, pointwise) = (call.Weight("depthwise_kernel", 0, axes + 2), call.Weight("pointwise_kernel", 1, axes + 2));
        var spread = call.Graph.Depthwise(call.Name + "_depthwise", x, depthwise, null, Window(call, x, depthwise));
        var (ones, none) = (Enumerable.Repeat(1, axes).ToArray(), new int[2 * axes]);
        return Activated(call, result(call.Graph.Conv(call.Name, spread, pointwise, Bias(call, 2), new(ones, ones, none, ones), 1)), keras3);
    }

    private static Window Window(KerasCall call, Laid x, Tensor kernel) => KerasWindows.Of(call, call.Graph.Shape(x)[1..^1], kernel.Shape[..^2]);

    private static Laid Pool(KerasCall call, int axes, Func<Window, Operator> op)
    {
        var (x, result) = call.Spatial(axes);
        var size = call.Config["pool_size", "pool_length"].Ints(axes) ?? Enumerable.Repeat(2, axes).ToArray();
        return result(call.Graph.Pool(call.Name, x, op, KerasWindows.Of(call, call.Graph.Shape(x)[1..^1], size, size)));
    }

    private static Laid UpSampling(KerasCall call, int axes)
    {
        var (x, result) = call.Spatial(axes);
        var factors = call.Config["size", "length"].Ints(axes) ?? Enumerable.Repeat(2, axes).ToArray();
        if (factors.Any(f => f is < 1 or > 1 << 12))
            throw call.Fault($"grows by [{string.Join(',', factors)}], which is not supported");
        var (coordinates, rounding) = call.Config["interpolation"].Text("nearest") switch
        {
            "nearest" => (ResizeCoordinates.Asymmetric, ResizeRounding.Floor),
            "bilinear" when axes == 2 => (ResizeCoordinates.HalfPixel, ResizeRounding.Linear),
            var other => throw call.Fault($"interpolation '{ModelImportException.OneLine(other)}' is not supported; supported are nearest and bilinear"),
        };
        var sizes = call.Graph.Shape(x)[1..^1].Zip(factors, (size, factor) => checked(size * factor)).ToArray();
        return result(call.Graph.Resize(call.Name, x, new(sizes, Array.ConvertAll(factors, f => (float)f), coordinates, rounding)));
    }

    private static Laid GlobalPool(KerasCall call, int axes, bool max)
    {
        var (x, result) = call.Spatial(axes);
        var keep = call.Config["keepdims"].Flag(false);
        if (!max && axes == 1 && !call.ChannelsFirst && call.MaskOf(call.X) is { } mask)
        {
            // The mean of the steps that count.
            var shown = call.Graph.Binary(call.Name + "_shown", new Mul(), new(call.Graph.Plain(x)), call.Graph.Reshape(call.Name + "_mask", mask, [.. call.Shape[..2], 1], call.Fault));
            var count = call.Graph.Reduce(call.Name + "_count", new ReduceSum([1], true), mask);
            var sum = call.Graph.Reduce(call.Name + "_sum", new ReduceSum([1], keep), shown);
            return call.Graph.Binary(call.Name, new Div(), sum, keep ? call.Graph.Reshape(call.Name + "_counts", count, [call.Shape[0], 1, 1], call.Fault) : count);
        }
        var pooled = max
            ? call.Graph.GlobalMax(call.Name, x, keep)
            : call.Graph.Reduce(call.Name, new ReduceMean([.. Enumerable.Range(1, axes)], keep), x);
        return keep ? result(pooled) : pooled;
    }

    private static Laid BatchNormalization(KerasCall call)
    {
        var rank = call.Shape.Length;
        var setting = call.Config["axis"];
        var axis = Axis(call, setting.IsArray ? setting.Ints(1)![0] : setting.Int(-1), rank);
        if (axis != rank - 1 && axis != 1)
            throw call.Fault($"normalizes axis {axis} of [{string.Join(',', call.Shape)}]; the channels (last or first) are supported");
        var (scaled, centred) = (call.Config["scale"].Flag(true), call.Config["center"].Flag(true));
        var mean = call.Weight("moving_mean", (scaled ? 1 : 0) + (centred ? 1 : 0), 1);
        var variance = call.Weight("moving_variance", (scaled ? 1 : 0) + (centred ? 1 : 0) + 1, 1);
        var gamma = scaled ? call.Weight("gamma", 0, 1) : Filled(mean.Count, 1);
        var beta = centred ? call.Weight("beta", scaled ? 1 : 0, 1) : Filled(mean.Count, 0);
        var first = axis == 1 && rank > 2 && axis != rank - 1;
        var x = first ? new Laid(call.Graph.Plain(call.X), Planar: true) : call.X;
        var y = call.Graph.BatchNorm(call.Name, x, (float)call.Config["epsilon"].Number(1e-3), gamma, beta, mean, variance);
        return first ? new(y.Name) : y;
    }

    private static Tensor Filled(int count, float value) => Tensor.Of(Enumerable.Repeat(value, count).ToArray(), count);

    private static Laid ReLU(KerasCall call)
    {
        var max = call.Config["max_value"].IsNull ? float.MaxValue : (float)call.Config["max_value"].Number(0);
        var slope = (float)(call.Config["negative_slope"].IsArray ? call.Config["negative_slope"].Items[0].Number(0) : call.Config["negative_slope"].Number(0));
        if (call.Config["threshold"].IsArray || call.Config["threshold"].Number(0) != 0)
            throw call.Fault("a threshold other than 0 is not supported");
        if (slope == 0)
            return call.Graph.Unary(call.Name, max == float.MaxValue ? new Relu() : new Clip(0, max), call.X);
        var y = call.Graph.Unary(call.Name, new LeakyRelu(slope), call.X);
        return max == float.MaxValue ? y : call.Graph.Unary(call.Name + "_max", new Clip(float.MinValue, max), y);
    }

    private static Laid Flatten(KerasCall call)
    {
        var x = call.ChannelsFirst && call.Shape.Length > 2
            // The channels are moved to the end before they are flattened, so that weights fit either data format.
            ? new Laid(call.Graph.Assembly.Emit(call.Name + "_last", new Transpose(PlanarAxes.FromPlanar(call.Shape.Length)), call.Graph.Plain(call.X)))
            : call.X;
        var size = call.Shape[1..].Aggregate(1L, (a, d) => a * d);
        return call.Graph.Reshape(call.Name, x, [call.Shape[0], checked((int)size)], call.Fault);
    }

    private static Laid Reshape(KerasCall call)
    {
        var target = call.Config["target_shape"].Items.Select(d => d.Int(0)).ToList();
        var total = call.Shape[1..].Aggregate(1L, (a, d) => a * d);
        var known = target.Where(d => d != -1).Aggregate(1L, (a, d) => Math.Clamp(a * d, -1L << 40, 1L << 40));
        if (target.Count > 7 || target.Count(d => d == -1) > 1 || target.Any(d => d is < -1 or 0) || known < 1 || (target.Contains(-1) ? total % known != 0 : known != total))
            throw call.Fault($"cannot reshape [{string.Join(',', call.Shape)}] to [{string.Join(',', target.Take(16))}]");
        return call.Graph.Reshape(call.Name, call.X, [call.Shape[0], .. target.Select(d => d == -1 ? (int)(total / known) : d)], call.Fault);
    }

    private static Laid Permute(KerasCall call)
    {
        int[] permutation = [0, .. call.Config["dims"].Items.Select(d => d.Int(0))];
        return new(call.Graph.Assembly.Emit(call.Name, new Transpose(permutation), call.Graph.Plain(call.X)));
    }

    /// <summary>[before, after] for each spatial axis, from one number, one for each axis or a pair for each.</summary>
    private static (int Before, int After)[] Margins(KerasCall call, KerasJson setting, int axes)
    {
        if (setting.IsNull)
            return Enumerable.Repeat((1, 1), axes).ToArray();
        if (setting.IsNumber)
            return Enumerable.Repeat((setting.Int(0), setting.Int(0)), axes).ToArray();
        var items = setting.Items;
        var margins = axes == 1 && items.Count == 2 && items[0].IsNumber
            ? [(items[0].Int(0), items[1].Int(0))]
            : items.Select(i => i.Ints(2) is [var before, var after] ? (before, after) : throw call.Fault("has no margins")).ToArray();
        return margins.Length == axes && !margins.Any(m => m.Item1 is < 0 or > 1 << 15 || m.Item2 is < 0 or > 1 << 15)
            ? margins
            : throw call.Fault($"its margins do not fit {axes} axes");
    }

    private static Laid ZeroPadding(KerasCall call, int axes)
    {
        var margins = Margins(call, call.Config["padding"], axes);
        var (rank, first) = (axes + 2, call.ChannelsFirst ? 2 : 1);
        if (call.Shape.Length != rank)
            throw call.Fault($"input [{string.Join(',', call.Shape)}] does not have {axes} spatial axes");
        var pads = new int[2 * rank];
        for (var i = 0; i < axes; i++)
            (pads[first + i], pads[first + i + rank]) = margins[i];
        return call.Graph.Pad(call.Name, call.X, pads, 0);
    }

    private static Laid Crop(KerasCall call, int axes)
    {
        var margins = Margins(call, call.Config["cropping"], axes);
        var first = call.ChannelsFirst ? 2 : 1;
        if (call.Shape.Length != axes + 2)
            throw call.Fault($"input [{string.Join(',', call.Shape)}] does not have {axes} spatial axes");
        int[] cut = [.. Enumerable.Range(0, axes).Where(i => margins[i] != (0, 0))];
        return call.Graph.Slice(call.Name, call.X, new(
            [.. cut.Select(i => margins[i].Before)], [.. cut.Select(i => call.Shape[first + i] - margins[i].After)],
            [.. cut.Select(i => first + i)], [.. cut.Select(_ => 1)]));
    }

    private static Laid CenterCrop(KerasCall call)
    {
        int[] sizes = [call.Config["height"].Int(0), call.Config["width"].Int(0)];
        var first = call.ChannelsFirst ? 2 : 1;
        if (call.Shape.Length != 4 || sizes[0] < 1 || sizes[1] < 1 || call.Shape[first] < sizes[0] || call.Shape[first + 1] < sizes[1])
            throw call.Fault($"crops [{string.Join(',', call.Shape)}] to {sizes[0]} x {sizes[1]}; images that are smaller are not supported");
        var starts = sizes.Select((s, i) => (call.Shape[first + i] - s) / 2).ToArray();
        int[] cut = [.. Enumerable.Range(0, 2).Where(i => call.Shape[first + i] != sizes[i])];
        return call.Graph.Slice(call.Name, call.X, new([.. cut.Select(i => starts[i])], [.. cut.Select(i => starts[i] + sizes[i])], [.. cut.Select(i => first + i)], [.. cut.Select(_ => 1)]));
    }

    private static Laid Resizing(KerasCall call)
    {
        var (x, result) = call.Spatial(2);
        int[] sizes = [call.Config["height"].Int(0), call.Config["width"].Int(0)], from = call.Graph.Shape(x)[1..3];
        var kept = new[] { "crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias" }.FirstOrDefault(s => call.Config[s].Flag(false));
        if (sizes.Any(s => s is < 1 or > 1 << 15) || kept is not null)
            throw call.Fault($"resizes to {sizes[0]} x {sizes[1]}{(kept is null ? "" : $" with {kept}")}, which is not supported");
        var rounding = call.Config["interpolation"].Text("bilinear") switch
        {
            "bilinear" => ResizeRounding.Linear,
            "nearest" => ResizeRounding.RoundPreferCeil,
            var other => throw call.Fault($"interpolation '{ModelImportException.OneLine(other)}' is not supported; supported are nearest and bilinear"),
        };
        return result(call.Graph.Resize(call.Name, x, new(sizes, [.. sizes.Zip(from, (to, size) => (float)((double)to / size))], ResizeCoordinates.HalfPixel, rounding)));
    }

    /// <summary>A dense layer over any axes, written as a sum of products; "..." stands for the axes that no letter names.</summary>
    private static Laid EinsumDense(KerasCall call, bool keras3)
    {
        var (graph, equation) = (call.Graph, call.Config["equation"].Text().Replace(" ", "", StringComparison.Ordinal));
        var named = equation.Split(',')[0].Replace("...", "", StringComparison.Ordinal).Length;
        var free = string.Concat("ABCDEFGH".Where(c => !equation.Contains(c)).Take(Math.Max(0, call.Shape.Length - named)));
        var kernel = call.Weight("kernel", 0, -1);
        var y = Einsum.Emit(call.Name, equation.Replace("...", free, StringComparison.Ordinal), call.X, new(graph.Assembly.Constant(call.Name + "_kernel", kernel)), graph, call.Fault);
        if (!call.Config["bias_axes"].IsNull)
            y = graph.Binary(call.Name + "_biased", new Add(), y, new(graph.Assembly.Constant(call.Name + "_bias", call.Weight("bias", 1, -1))));
        return Activated(call, y, keras3);
    }

    /// <summary>A number, or one for each channel, as an operand.</summary>
    private static Laid Operand(KerasCall call, KerasJson setting, string role, float otherwise) =>
        setting.IsArray
            ? new(call.Graph.Assembly.Constant($"{call.Name}_{role}", Tensor.Of([.. Numbers(setting)], Numbers(setting).Count)))
            : Number(call, role, (float)setting.Number(otherwise));

    private static List<float> Numbers(KerasJson list) => [.. list.Items.SelectMany(i => i.IsArray ? Numbers(i) : [(float)i.Number(0)])];

    private static Laid Rescaling(KerasCall call)
    {
        var scaled = call.Graph.Binary(call.Name, new Mul(), call.X, Operand(call, call.Config["scale"], "scale", 1));
        return call.Graph.Binary(call.Name + "_shifted", new Add(), scaled, Operand(call, call.Config["offset"], "offset", 0));
    }

    /// <summary>(x - mean) / max(sqrt(variance), 1e-7) along the last axis; with "invert" the other way round.</summary>
    private static Laid Normalization(KerasCall call)
    {
        var (setting, rank) = (call.Config["axis"], call.Shape.Length);
        int[] axes = setting.IsArray ? [.. setting.Items.Select(i => i.Int(0))] : [setting.Int(-1)];
        if (axes.Length > 1 || axes.Any(a => a != -1 && a != rank - 1))
            throw call.Fault("normalizes other axes than the last, which is not supported");
        var given = !call.Config["mean"].IsNull && !call.Config["variance"].IsNull;
        var mean = given ? [.. Values(call.Config["mean"])] : call.Weight("mean", 0, -1).Floats;
        var variance = given ? [.. Values(call.Config["variance"])] : call.Weight("variance", 1, -1).Floats;
        if (mean.Length != variance.Length || mean.Length != 1 && mean.Length != call.Shape[^1])
            throw call.Fault($"{mean.Length} means and {variance.Length} variances do not fit {call.Shape[^1]} channels");
        var invert = call.Config["invert"].Flag(false);
        var deviations = Array.ConvertAll(variance, v => Math.Max(Math.Sqrt(v), 1e-7));
        var factors = invert ? deviations : Array.ConvertAll(deviations, d => 1 / d);
        var offsets = mean.Select((m, i) => invert ? m : -m * factors[i]).ToArray();
        var scaled = call.Graph.Binary(call.Name, new Mul(), call.X, Vector(call, "factor", factors));
        return call.Graph.Binary(call.Name + "_shifted", new Add(), scaled, Vector(call, "offset", offsets));

        static List<float> Values(KerasJson setting) => setting.IsNumber ? [(float)setting.Number(0)] : Numbers(setting);
    }

    private static Laid Vector(KerasCall call, string role, double[] values) =>
        new(call.Graph.Assembly.Constant($"{call.Name}_{role}", Tensor.Of(Array.ConvertAll(values, v => (float)v), values.Length)));
}
