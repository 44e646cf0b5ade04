using System.Runtime.InteropServices;
using System.Text;

namespace EdgeAgent.Int8.Plan;

/// <summary>Weights of a convolution or dense layer as ONNX stores them.</summary>
/// <param name="Values">s8 [M, C / groups, kh, kw]; for a dense layer [M, C * H * W], inputs in [C, H, W] order.</param>
/// <param name="Scales">One scale per output channel, [M].</param>
/// <param name="Bias">int32 with scale s_x * s_w[m], [M].</param>
public sealed record LayerWeights(sbyte[] Values, float[] Scales, int[] Bias);

/// <summary>
/// Builds a plan operator by operator, in the order of execution. Shapes are those of one sample; every method returns
/// the tensor it defines. What each computes, exactly, is in the README of EdgeAgent.Int8.
/// </summary>
/// <remarks>
/// Every method throws <see cref="ArgumentException"/> naming the operator where shapes do not fit;
/// <see cref="Build"/> re-reads what it wrote and applies all checks of <see cref="PlanModel.Load(byte[])"/>.
/// </remarks>
public sealed class PlanBuilder(string name)
{
    private readonly List<PlanTensor> _tensors = [];
    private readonly List<PlanOperator> _operators = [];
    private readonly MemoryStream _constants = new();
    private TensorId? _output;

    /// <summary>Shape of a tensor defined before.</summary>
    public PlanShape ShapeOf(TensorId tensor) => _tensors[tensor.Index].Shape;

    /// <summary>What a tensor defined before holds.</summary>
    public PlanElement ElementOf(TensorId tensor) => _tensors[tensor.Index].Element;

    /// <summary>Quantization of a u8 tensor defined before.</summary>
    public Quantization QuantizationOf(TensorId tensor) => _tensors[tensor.Index].Quantization;

    /// <summary>The model's input: float32 [C, H, W] (or [C, W], or flat), quantized to u8. Exactly one, first.</summary>
    public TensorId Input(PlanShape shape, Quantization quantization, string operatorName = "input")
    {
        var output = Define(shape, quantization);
        return Add(new QuantizeInput(operatorName, output), output);
    }

    /// <summary>A tensor that is the same in every run: an operand of a sum, a difference or a product.</summary>
    /// <param name="values">In [C, H, W] order.</param>
    public TensorId Constant(PlanShape shape, ReadOnlySpan<byte> values, Quantization quantization, string operatorName = "constant")
    {
        if (values.Length != shape.Count)
            throw new ArgumentException($"operator '{operatorName}' has {values.Length} values for {shape}");
        var channelsLast = new byte[values.Length];
        for (var c = 0; c < shape.Channels; c++)
            for (var p = 0; p < shape.Pixels; p++)
                channelsLast[p * shape.Channels + c] = values[c * shape.Pixels + p];
        var y = Define(shape, quantization);
        return Add(new ConstantTensor(operatorName, y, Store(channelsLast)), y);
    }

    /// <summary>Convolution; depthwise where groups = C = M. Activation fused as bounds.</summary>
    public TensorId Convolution(
        TensorId x, LayerWeights weights, PlanWindow window, int groups, Quantization output, ActivationBounds? bounds = null, string operatorName = "conv") =>
        AddConvolution(x, weights, window, groups, output, bounds, operatorName);

    /// <summary>Convolution whose accumulators become float32: the head of a fully convolutional network.</summary>
    public TensorId ConvolutionHead(TensorId x, LayerWeights weights, PlanWindow window, int groups, string operatorName = "head") =>
        AddConvolution(x, weights, window, groups, null, null, operatorName);

    /// <summary>Dense layer over all elements of x, whatever its shape: a Flatten before it is not needed.</summary>
    public TensorId Dense(TensorId x, LayerWeights weights, Quantization output, ActivationBounds? bounds = null, string operatorName = "dense") =>
        AddConvolution(x, weights, PlanWindow.Whole(ShapeOf(x)), 1, output, bounds, operatorName);

    /// <summary>Dense layer whose accumulators become float32 logits.</summary>
    public TensorId DenseHead(TensorId x, LayerWeights weights, string operatorName = "head") =>
        AddConvolution(x, weights, PlanWindow.Whole(ShapeOf(x)), 1, null, null, operatorName);

    /// <summary>a + b; b may be [1, 1, C].</summary>
    public TensorId Add(TensorId a, TensorId b, Quantization output, ActivationBounds? bounds = null, string operatorName = "add") =>
        AddElementwise(Arithmetic.Add, a, b, output, bounds, operatorName);

    /// <summary>a - b; b may be [1, 1, C].</summary>
    public TensorId Subtract(TensorId a, TensorId b, Quantization output, ActivationBounds? bounds = null, string operatorName = "sub") =>
        AddElementwise(Arithmetic.Subtract, a, b, output, bounds, operatorName);

    /// <summary>a * b; b may be [1, 1, C]: squeeze and excite.</summary>
    public TensorId Multiply(TensorId a, TensorId b, Quantization output, ActivationBounds? bounds = null, string operatorName = "mul") =>
        AddElementwise(Arithmetic.Multiply, a, b, output, bounds, operatorName);

    public TensorId Concat(ReadOnlySpan<TensorId> inputs, ConcatAxis axis, Quantization output, string operatorName = "concat")
    {
        var shape = ShapeOf(inputs[0]);
        foreach (var input in inputs[1..])
            shape = axis switch
            {
                ConcatAxis.Height => shape with { Height = shape.Height + ShapeOf(input).Height },
                ConcatAxis.Width => shape with { Width = shape.Width + ShapeOf(input).Width },
                _ => shape with { Channels = shape.Channels + ShapeOf(input).Channels },
            };
        var y = Define(shape, output);
        var indices = new int[inputs.Length];
        for (var i = 0; i < indices.Length; i++)
            indices[i] = inputs[i].Index;
        return Add(new Concatenation(operatorName, indices, y, axis), y);
    }

    /// <summary>The output has the quantization of x; follow with <see cref="Requantize"/> where another is wanted.</summary>
    public TensorId MaxPool(TensorId x, PlanWindow window, bool ceilMode = false, string operatorName = "maxpool")
    {
        var y = Define(PooledShape(x, window, ceilMode, operatorName), QuantizationOf(x));
        return Add(new MaxPooling(operatorName, [x.Index], y, window), y);
    }

    public TensorId AveragePool(
        TensorId x, PlanWindow window, Quantization output, bool countIncludePad = false, bool ceilMode = false,
        ActivationBounds? bounds = null, string operatorName = "avgpool")
    {
        var y = Define(PooledShape(x, window, ceilMode, operatorName), output);
        return Add(new AveragePooling(operatorName, [x.Index], y, window, countIncludePad, bounds ?? ActivationBounds.None), y);
    }

    /// <summary>Mean over height and width, to [1, 1, C].</summary>
    public TensorId GlobalAveragePool(TensorId x, Quantization output, ActivationBounds? bounds = null, string operatorName = "mean") =>
        AveragePool(x, PlanWindow.Whole(ShapeOf(x)), output, bounds: bounds, operatorName: operatorName);

    /// <summary>Maximum over height and width, to [1, 1, C].</summary>
    public TensorId GlobalMaxPool(TensorId x, string operatorName = "max") =>
        MaxPool(x, PlanWindow.Whole(ShapeOf(x)), operatorName: operatorName);

    /// <summary>Border of a quantized value (the zero point means 0.0).</summary>
    public TensorId Pad(TensorId x, int top, int left, int bottom, int right, byte value, string operatorName = "pad")
    {
        var shape = ShapeOf(x);
        var y = Define(shape with { Height = shape.Height + top + bottom, Width = shape.Width + left + right }, QuantizationOf(x));
        return Add(new Padding(operatorName, [x.Index], y, top, left, bottom, right, value), y);
    }

    /// <summary>y = table[x] with a table of 256 entries.</summary>
    public TensorId Table(TensorId x, ReadOnlySpan<byte> table, Quantization output, string operatorName = "table")
    {
        if (table.Length != 256)
            throw new ArgumentException($"operator '{operatorName}' has a table of {table.Length} entries, expected 256");
        var y = Define(ShapeOf(x), output);
        return Add(new TableLookup(operatorName, [x.Index], y, Store(table)), y);
    }

    /// <summary>Any function of one variable, as a table: table[q] = quantize(f(dequantize(q))), all in float64.</summary>
    public TensorId Activation(TensorId x, Func<double, double> f, Quantization output, string operatorName = "activation")
    {
        Span<byte> table = stackalloc byte[256];
        for (var q = 0; q < 256; q++)
            table[q] = output.Quantize(f(QuantizationOf(x).Dequantize((byte)q)));
        return Table(x, table, output, operatorName);
    }

    /// <summary>The same values under another quantization; x itself where it has that one already.</summary>
    public TensorId Requantize(TensorId x, Quantization output, string operatorName = "requantize") =>
        QuantizationOf(x) == output ? x : Activation(x, v => v, output, operatorName);

    /// <summary>Another shape over the elements in [C, H, W] order, as ONNX's Reshape and Flatten see them.</summary>
    public TensorId Reshape(TensorId x, PlanShape shape, string operatorName = "reshape")
    {
        if (shape.Count != ShapeOf(x).Count)
            throw new ArgumentException($"operator '{operatorName}' cannot reshape {ShapeOf(x)} to {shape}");
        var y = Define(shape, ElementOf(x) == PlanElement.Float32 ? null : QuantizationOf(x));
        return Add(new Reshaping(operatorName, [x.Index], y), y);
    }

    /// <summary>u8 to float32.</summary>
    public TensorId Dequantize(TensorId x, string operatorName = "dequantize")
    {
        var y = Define(ShapeOf(x), null);
        return Add(new Dequantization(operatorName, [x.Index], y), y);
    }

    /// <summary>Softmax of a float32 tensor over its channels.</summary>
    public TensorId Softmax(TensorId x, string operatorName = "softmax")
    {
        var y = Define(ShapeOf(x), null);
        return Add(new SoftmaxHead(operatorName, [x.Index], y), y);
    }

    /// <summary>The index of the first largest channel of a float32 tensor, a float32 for each pixel.</summary>
    public TensorId ArgMax(TensorId x, string operatorName = "argmax")
    {
        var y = Define(ShapeOf(x) with { Channels = 1 }, null);
        return Add(new ArgMaxHead(operatorName, [x.Index], y), y);
    }

    /// <summary>The model's output; a u8 tensor is dequantized. Exactly one.</summary>
    public void Output(TensorId x) =>
        _output = ElementOf(x) == PlanElement.Float32 ? x : Dequantize(x);

    /// <summary>The plan's bytes, re-read and validated.</summary>
    /// <exception cref="PlanFormatException">The operators do not make a sound plan.</exception>
    public byte[] Build()
    {
        if (_output is not { } output)
            throw new PlanFormatException($"plan: '{name}' has no output");
        var plan = PlanWriter.Write(Shorten(name), _tensors, _operators, output.Index, _constants.GetBuffer().AsSpan(0, (int)_constants.Length));
        PlanModel.Load(plan).Dispose();
        return plan;
    }

    private TensorId AddConvolution(
        TensorId x, LayerWeights w, PlanWindow window, int groups, Quantization? output, ActivationBounds? bounds, string operatorName)
    {
        var channels = w.Scales.Length;
        var perOutput = (long)window.KernelHeight * window.KernelWidth * ShapeOf(x).Channels / Math.Max(1, groups);
        if (channels == 0 || groups < 1 || ShapeOf(x).Channels % groups != 0 || w.Bias.Length != channels || w.Values.Length != channels * perOutput)
            throw new ArgumentException(
                $"operator '{operatorName}' has {w.Values.Length} weights, {channels} scales and {w.Bias.Length} biases over {ShapeOf(x)} in {groups} groups, expected {channels * perOutput} weights");
        var y = Define(WindowedShape(x, window, false, channels, operatorName), output);
        var values = ChannelsLast(w.Values, channels, ShapeOf(x).Channels / groups, window.KernelHeight * window.KernelWidth);
        return Add(
            new Convolution(
                operatorName, [x.Index], y, window, groups, bounds ?? ActivationBounds.None,
                Store(MemoryMarshal.AsBytes<sbyte>(values)), Store(MemoryMarshal.AsBytes<float>(w.Scales)), Store(MemoryMarshal.AsBytes<int>(w.Bias))),
            y);
    }

    private TensorId AddElementwise(Arithmetic kind, TensorId a, TensorId b, Quantization output, ActivationBounds? bounds, string operatorName)
    {
        // Both commutative kinds may have the vector on either side; the format wants it second.
        if (ShapeOf(a) != ShapeOf(b) && kind != Arithmetic.Subtract && ShapeOf(a) == PlanShape.Flat(ShapeOf(a).Channels))
            (a, b) = (b, a);
        if (ShapeOf(b) != ShapeOf(a) && ShapeOf(b) != PlanShape.Flat(ShapeOf(a).Channels))
            throw new ArgumentException($"operator '{operatorName}' cannot combine {ShapeOf(a)} with {ShapeOf(b)}");
        var y = Define(ShapeOf(a), output);
        return Add(new Elementwise(operatorName, [a.Index, b.Index], y, kind, bounds ?? ActivationBounds.None), y);
    }

    private PlanShape PooledShape(TensorId x, PlanWindow window, bool ceil, string operatorName) => window.IsValid && !window.PadsLessThanItSees
        ? throw new ArgumentException($"operator '{operatorName}' pads by as much as its window sees: {window}")
        : WindowedShape(x, window, ceil, ShapeOf(x).Channels, operatorName);

    private PlanShape WindowedShape(TensorId x, PlanWindow window, bool ceil, int channels, string operatorName)
    {
        var shape = ShapeOf(x);
        if (!window.IsValid)
            throw new ArgumentException($"operator '{operatorName}' has an impossible window: {window}");
        var result = new PlanShape(window.OutputHeight(shape.Height, ceil), window.OutputWidth(shape.Width, ceil), channels);
        return result.IsValid ? result : throw new ArgumentException($"operator '{operatorName}' has no output: its window does not fit {shape}");
    }

    private int Define(PlanShape shape, Quantization? quantization)
    {
        _tensors.Add(new(shape, quantization is null ? PlanElement.Float32 : PlanElement.UInt8, quantization ?? new(1, 0)));
        return _tensors.Count - 1;
    }

    private TensorId Add(PlanOperator op, int output)
    {
        _operators.Add(op with { Name = Shorten(op.Name) });
        return new(output);
    }

    private Constant Store(ReadOnlySpan<byte> bytes)
    {
        var offset = (int)_constants.Length;
        _constants.Write(bytes);
        _constants.SetLength(PlanFormat.Align((int)_constants.Length));
        _constants.Position = _constants.Length;
        return new(offset, bytes.Length);
    }

    /// <summary>[M, C, taps] to [M, taps, C].</summary>
    private static sbyte[] ChannelsLast(sbyte[] values, int outputs, int channels, int taps)
    {
        var result = new sbyte[values.Length];
        for (var m = 0; m < outputs; m++)
            for (var c = 0; c < channels; c++)
                for (var t = 0; t < taps; t++)
                    result[(m * taps + t) * channels + c] = values[(m * channels + c) * taps + t];
        return result;
    }

    /// <summary>Names are for people: a long one keeps its end, which tells layers apart, and none has control characters.</summary>
    private static string Shorten(string text)
    {
        text = new string(Array.ConvertAll(text.ToCharArray(), c => char.IsControl(c) ? ' ' : c));
        while (Encoding.UTF8.GetByteCount(text) > PlanFormat.MaxNameLength)
            text = text[1..];
        return text;
    }
}
