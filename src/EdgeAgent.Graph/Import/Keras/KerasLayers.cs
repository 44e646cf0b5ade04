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
        "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "RandomBrightness", "RandomContrast", "RandomErasing", "RandomFlip",
        "RandomGrayscale", "RandomHue", "RandomRotation", "RandomSaturation", "RandomShear", "RandomTranslation", "RandomZoom", "SpatialDropout1D", "SpatialDropout2D",
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
        ["BatchNormalization"] = (c, _) => KerasNormalizations.Batch(c),
        ["CenterCrop"] = (c, _) => KerasImages.CenterCrop(c),
        ["Concatenate"] = (c, _) => c.Graph.Concat(c.Name, c.Inputs, Axis(c, c.Config["axis", "concat_axis"].Int(-1), c.Shape.Length)),
        ["Conv1D"] = (c, k) => Convolution(c, 1, k),
        ["Conv2D"] = (c, k) => Convolution(c, 2, k),
        ["Conv1DTranspose"] = (c, k) => Transposed(c, 1, k),
        ["Conv2DTranspose"] = (c, k) => Transposed(c, 2, k),
        ["Cropping1D"] = (c, _) => KerasImages.Crop(c, 1),
        ["Cropping2D"] = (c, _) => KerasImages.Crop(c, 2),
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
        ["LayerNormalization"] = (c, _) => KerasNormalizations.Layer(c),
        ["LeakyReLU"] = (c, k) => c.Graph.Unary(c.Name, new LeakyRelu((float)c.Config["negative_slope", "alpha"].Number(0.3)), c.X),
        ["Masking"] = (c, _) => c.Masks!.Zeroed(c.Layer, c.X),
        ["MaxPooling1D"] = (c, _) => Pool(c, 1, w => new MaxPool(w, false)),
        ["MaxPooling2D"] = (c, _) => Pool(c, 2, w => new MaxPool(w, false)),
        ["Maximum"] = (c, _) => Merge(c, new Max()),
        ["Minimum"] = (c, _) => Merge(c, new Min()),
        ["Multiply"] = (c, _) => Merge(c, new Mul()),
        ["Normalization"] = (c, _) => KerasNormalizations.Given(c),
        ["PReLU"] = (c, _) => c.Graph.Binary(c.Name, new PRelu(), c.X, new(c.Graph.Assembly.Constant(c.Name + "_slopes", c.Weight("alpha", 0, -1)))),
        ["Permute"] = (c, _) => Permute(c),
        ["RMSNormalization"] = (c, _) => KerasNormalizations.RootMeanSquare(c, 0),
        ["ReLU"] = (c, _) => ReLU(c),
        ["RepeatVector"] = (c, _) => KerasSequences.RepeatVector(c),
        ["Rescaling"] = (c, _) => KerasNormalizations.Rescaling(c),
        ["Reshape"] = (c, _) => Reshape(c),
        ["Resizing"] = (c, _) => KerasImages.Resizing(c),
        ["SeparableConv1D"] = (c, k) => Separable(c, 1, k),
        ["SeparableConv2D"] = (c, k) => Separable(c, 2, k),
        ["Softmax"] = (c, _) => c.Graph.Softmax(c.Name, c.X, Axis(c, c.Config["axis"].IsArray ? c.Config["axis"].Ints(1)![0] : c.Config["axis"].Int(-1), c.Shape.Length)),
        ["Subtract"] = (c, _) => Merge(c, new Sub()),
        ["ThresholdedReLU"] = (c, _) => c.Graph.Unary(c.Name, new ThresholdedRelu((float)c.Config["theta"].Number(1)), c.X),
        ["UnitNormalization"] = (c, _) => KerasNormalizations.Unit(c),
        ["UpSampling1D"] = (c, _) => KerasImages.UpSampling(c, 1),
        ["UpSampling2D"] = (c, _) => KerasImages.UpSampling(c, 2),
        ["ZeroPadding1D"] = (c, _) => KerasImages.ZeroPadding(c, 1),
        ["ZeroPadding2D"] = (c, _) => KerasImages.ZeroPadding(c, 2),
    };

    /// <summary>Layers that may have several results: states beside their output, or scores.</summary>
    private static readonly Dictionary<string, Func<KerasCall, bool, IReadOnlyList<Laid>>> _several = new()
    {
        ["Bidirectional"] = KerasSequences.Bidirectional,
        ["CuDNNGRU"] = KerasSequences.Recurrent,
        ["CuDNNLSTM"] = KerasSequences.Recurrent,
        ["GRU"] = KerasSequences.Recurrent,
        ["LSTM"] = KerasSequences.Recurrent,
        ["MultiHeadAttention"] = (c, _) => KerasAttention.MultiHead(c),
        ["SimpleRNN"] = KerasSequences.Recurrent,
    };

    /// <summary>Names of Keras 1, short forms, and what TensorFlow 1 called its two versions of a layer.</summary>
    private static readonly Dictionary<string, string> _aliases = new()
    {
        ["Convolution1D"] = "Conv1D", ["Convolution1DTranspose"] = "Conv1DTranspose", ["Convolution2DTranspose"] = "Conv2DTranspose", ["Deconvolution2D"] = "Conv2DTranspose", ["Convolution2D"] = "Conv2D", ["SeparableConvolution1D"] = "SeparableConv1D", ["SeparableConvolution2D"] = "SeparableConv2D",
        ["MaxPool1D"] = "MaxPooling1D", ["MaxPool2D"] = "MaxPooling2D", ["AvgPool1D"] = "AveragePooling1D", ["AvgPool2D"] = "AveragePooling2D",
        ["BatchNormalizationV1"] = "BatchNormalization", ["BatchNormalizationV2"] = "BatchNormalization",
        ["GlobalAvgPool1D"] = "GlobalAveragePooling1D", ["GlobalAvgPool2D"] = "GlobalAveragePooling2D", ["GlobalMaxPool1D"] = "GlobalMaxPooling1D", ["GlobalMaxPool2D"] = "GlobalMaxPooling2D",
    };

    /// <summary>Names for the README: those above and what <see cref="KerasModelBuilder"/> takes itself.</summary>
    public static IEnumerable<string> Supported => _all.Keys.Concat(_trainingOnly).Concat(_several.Keys).Concat(["Functional", "InputLayer", "Sequential", "TimeDistributed"]).Order(StringComparer.Ordinal);

    /// <summary>The name under which a layer's class is known here.</summary>
    public static string NameOf(KerasLayer layer) => _aliases.GetValueOrDefault(layer.Class, layer.Class);

    /// <summary>The layer's first result.</summary>
    public static Laid Convert(KerasCall call, bool keras3) => Results(call, keras3)[0];

    public static IReadOnlyList<Laid> Results(KerasCall call, bool keras3)
    {
        var name = NameOf(call.Layer);
        if (_trainingOnly.Contains(name))
            return [call.X];
        try
        {
            if (_several.TryGetValue(name, out var several))
                return several(call, keras3);
            return _all.TryGetValue(name, out var convert)
                ? [convert(call, keras3)]
                : throw call.Fault(Refusal(name));
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
        _ => "the layer is not supported; " + ImportFault.SeeList,
    };

    internal static Laid Number(KerasCall call, string role, float number) => Activations.Number($"{call.Name}_{role}", number, call.Graph);

    internal static int Axis(KerasCall call, int axis, int rank)
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

    /// <summary>A dense layer over any axes, written as a sum of products; "..." stands for the axes that no letter names.</summary>
    private static Laid EinsumDense(KerasCall call, bool keras3)
    {
        var graph = call.Graph;
        var kernel = call.Weight("kernel", 0, -1);
        var y = graph.Einsum(call.Name, call.Config["equation"].Text(), call.Fault, call.X, new(graph.Assembly.Constant(call.Name + "_kernel", kernel)));
        if (!call.Config["bias_axes"].IsNull)
            y = graph.Binary(call.Name + "_biased", new Add(), y, new(graph.Assembly.Constant(call.Name + "_bias", call.Weight("bias", 1, -1))));
        return Activated(call, y, keras3);
    }
}
