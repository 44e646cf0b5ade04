using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>Operators with weights or windows.</summary>
internal sealed partial class TfLiteGraphWriter
{
    private static readonly int[] FilterAxes = [0, 2, 3, 1], DepthwiseAxes = [1, 2, 3, 0];

    private void WriteConvolution(QuantizedStep step, Conv conv)
    {
        if (conv.Window.Kernel.Length != 2)
            throw Fault(step, "1-D convolutions cannot be written as TensorFlow Lite; widen them to images first");
        var x = ChannelsLast(step.Inputs[0]);
        var (channels, outputs) = (x.Shape[3], _shapes[step.Node.Output].Shape[1]);
        var depthwise = conv.Groups > 1 && conv.Groups == channels;
        x = Operand(step, x);
        (x, var padding) = Padded(step, x, conv.Window, 0);
        var window = conv.Window;
        var weights = Weights(step, depthwise ? DepthwiseAxes : FilterAxes, depthwise ? 3 : 0);
        int[] inputs = [x.Tensor, weights, Bias(step, outputs, x)];
        var shape = Permuted(_shapes[step.Node.Output].Shape, PlacedValue.ToLast);
        var activation = Activation(step);
        var options = depthwise
            ? new TfLiteOptions(TfLiteTable.DepthwiseConv2D, (0, padding), (1, window.Strides[1]), (2, window.Strides[0]), (3, outputs / channels), (4, activation), (5, window.Dilations[1]), (6, window.Dilations[0]))
            : new TfLiteOptions(TfLiteTable.Conv2D, (0, padding), (1, window.Strides[1]), (2, window.Strides[0]), (3, activation), (4, window.Dilations[1]), (5, window.Dilations[0]));
        Emit(step, depthwise ? "DEPTHWISE_CONV_2D" : "CONV_2D", inputs, shape, true, options, fuses: true);
    }

    /// <summary>The whole result, of which a slice takes what the pads leave.</summary>
    private void WriteTransposed(QuantizedStep step, ConvTranspose conv)
    {
        var window = conv.Window;
        if (window.Kernel.Length != 2 || conv.Groups != 1 || window.Dilations.Any(d => d != 1) || conv.OutputPads.Where((p, i) => p > window.Pads[i + 2]).Any())
            throw Fault(step, "grouped, dilated and 1-D transposed convolutions, and those padded at the end, cannot be written as TensorFlow Lite");
        if (step.Quantization is not null)
            throw Fault(step, "cannot be written in integers as TensorFlow Lite");
        var x = Operand(step, ChannelsLast(step.Inputs[0]));
        var weights = _graph.Constants.TryGetValue(step.Node.Inputs[1], out var constant) ? constant : throw Fault(step, "its weights are computed, which cannot be written as TensorFlow Lite");
        var shape = Permuted(_shapes[step.Node.Output].Shape, PlacedValue.ToLast);
        int[] whole = [shape[0], .. Enumerable.Range(0, 2).Select(i => (x.Shape[1 + i] - 1) * window.Strides[i] + window.Kernel[i]), shape[3]];
        // The size is that of one sample; its batch is that of the input, whatever is written here.
        int[] inputs = [Integers([1, .. whole[1..]]), Constant(step.Node.Name + "_weights", Permuted(weights, [1, 2, 3, 0])).Tensor, x.Tensor, Bias(step, shape[3], x)];
        var options = new TfLiteOptions(TfLiteTable.TransposeConv, (0, (byte)1), (1, window.Strides[1]), (2, window.Strides[0]));
        if (whole.AsSpan(1).SequenceEqual(shape.AsSpan(1)))
        {
            Emit(step, "TRANSPOSE_CONV", inputs, shape, true, options);
            return;
        }
        var made = _file.Value($"{step.Node.Name}_whole", ElementType.Float32, whole, null);
        _file.Operator("TRANSPOSE_CONV", inputs, [made], options);
        int[] begin = [0, window.Pads[0], window.Pads[1], 0], end = [0, window.Pads[0] + shape[1], window.Pads[1] + shape[2], 0];
        const int batchAndChannels = 0b1001;
        Emit(step, "STRIDED_SLICE", [made, Integers(begin), Integers(end), Integers(1, 1, 1, 1)], shape, true, new(TfLiteTable.StridedSlice, (0, batchAndChannels), (1, batchAndChannels)));
    }

    private void WriteDense(QuantizedStep step, Gemm gemm)
    {
        if (gemm is not { Alpha: 1, Beta: 1, TransposeA: false, TransposeB: true } || step.Weights is null && !_graph.Constants.ContainsKey(step.Node.Inputs[1]))
            throw Fault(step, "a Gemm of two computed matrices cannot be written as TensorFlow Lite");
        var x = Operand(step, InOrder(step.Inputs[0]));
        var (units, depth) = (_shapes[step.Node.Output].Shape[1], x.Shape[1]);
        var activation = Activation(step);
        // Dense layers of most runtimes know one scale for all weights; a convolution of one pixel knows one for each output.
        if (x.Quantization is not null && step.Weights!.Scales.Distinct().Count() > 1)
        {
            int[] pixel = [x.Shape[0], 1, 1, depth], result = [x.Shape[0], 1, 1, units];
            var image = _file.Value($"pixel_{_temporaries++}", ElementType.Int8, pixel, x.Quantization);
            WriteReshape(x.Tensor, image, pixel);
            var filter = _file.Constant(step.Node.Name + "_weights", Tensor.Of(step.Weights.Values, units, 1, 1, depth), new(step.Weights.Scales, new int[units], 0));
            var made = _file.Value($"pixel_{_temporaries++}", ElementType.Int8, result, Wanted(step));
            _file.Operator("CONV_2D", [image, filter, Bias(step, units, x)], [made], new(TfLiteTable.Conv2D, (0, (byte)1), (1, 1), (2, 1), (3, activation), (4, 1), (5, 1)));
            var flat = _file.Value(step.Output, ElementType.Int8, [x.Shape[0], units], Wanted(step));
            WriteReshape(made, flat, [x.Shape[0], units]);
            Place(step, new(flat, ElementType.Int8, [x.Shape[0], units], false, Wanted(step)));
            return;
        }
        var weights = x.Quantization is null
            ? Constant(step.Node.Name + "_weights", FloatWeights(step)).Tensor
            : _file.Constant(step.Node.Name + "_weights", Tensor.Of(step.Weights!.Values, units, depth), new([step.Weights.Scales[0]], [0], 0));
        Emit(step, "FULLY_CONNECTED", [x.Tensor, weights, Bias(step, units, x)], [x.Shape[0], units], false, new(TfLiteTable.FullyConnected, (0, activation)), fuses: true);
    }

    /// <summary>A layer whose result stays float32 computes in float32.</summary>
    private PlacedValue Operand(QuantizedStep step, PlacedValue x) => step.Quantization is null && x.Quantization is not null ? Dequantized(x) : x;

    private int Weights(QuantizedStep step, int[] axes, int channelAxis)
    {
        var name = step.Node.Name + "_weights";
        if (step.Weights is null || step.Quantization is null)
            return Constant(name, Permuted(FloatWeights(step), axes)).Tensor;
        var integers = Permuted(Tensor.Of(step.Weights.Values, step.Weights.Shape), axes);
        return _file.Constant(name, integers, new(step.Weights.Scales, new int[step.Weights.Scales.Length], channelAxis));
    }

    private Tensor FloatWeights(QuantizedStep step)
    {
        if (step.Weights is not { } quantized)
            return _graph.Constants.TryGetValue(step.Node.Inputs[1], out var constant) ? constant : throw Fault(step, "its weights are computed, which cannot be written as TensorFlow Lite");
        var size = quantized.Values.Length / quantized.Scales.Length;
        return Tensor.Of([.. quantized.Values.Select((v, i) => v * quantized.Scales[i / size])], quantized.Shape);
    }

    private int Bias(QuantizedStep step, int outputs, PlacedValue x)
    {
        var name = step.Node.Name + "_bias";
        if (step.Weights is not { } quantized)
        {
            var given = step.Node.Inputs.Count > 2 && step.Node.Inputs[2].Length > 0;
            var bias = given ? _graph.Constants.GetValueOrDefault(step.Node.Inputs[2]) ?? throw Fault(step, "its bias is computed, which cannot be written as TensorFlow Lite") : Tensor.Of(new float[outputs], outputs);
            return Constant(name, bias.Reshape(outputs)).Tensor;
        }
        var input = _values[step.Inputs[0]].Quantization!.Scales[0];
        var scales = Array.ConvertAll(quantized.Scales, s => s * input);
        if (x.Quantization is null)
            return Constant(name, Tensor.Of([.. quantized.Bias.Select((b, i) => (float)(b * (double)scales[i]))], outputs)).Tensor;
        var distinct = scales.Distinct().Count() == 1 && step.Node.Op is Gemm ? [scales[0]] : scales;
        return _file.Constant(name, Tensor.Of(quantized.Bias, outputs), new(distinct, new int[distinct.Length], 0));
    }

    private void WritePool(QuantizedStep step)
    {
        var x = ChannelsLast(step.Inputs[0]);
        var (window, ceil) = step.Node.Op is MaxPool m ? (m.Window, m.CeilMode) : (((AveragePool)step.Node.Op).Window, ((AveragePool)step.Node.Op).CeilMode);
        if (window.Kernel.Length != 2 || window.Dilations.Any(d => d != 1))
            throw Fault(step, "1-D and dilated pools cannot be written as TensorFlow Lite");
        var shape = Permuted(_shapes[step.Node.Output].Shape, PlacedValue.ToLast);
        if (ceil)
            window = WithCeiling(window, x.Shape, shape);
        var average = step.Node.Op as AveragePool;
        // SAME leaves the padding out of the average; explicit padding counts.
        (x, var padding) = Padded(step, x, window, average is null ? float.MinValue : 0, average is null || !average.CountIncludePad, average is null || average.CountIncludePad && !ceil);
        var options = new TfLiteOptions(TfLiteTable.Pool2D, (0, padding), (1, window.Strides[1]), (2, window.Strides[0]), (3, window.Kernel[1]), (4, window.Kernel[0]), (5, Activation(step)));
        Emit(step, average is null ? "MAX_POOL_2D" : "AVERAGE_POOL_2D", [x.Tensor], shape, true, options, x.Quantization, fuses: true);
    }

    /// <summary>End padding with which the last, partial windows are whole ones.</summary>
    private static Window WithCeiling(Window window, int[] x, int[] y)
    {
        var pads = window.Pads.ToArray();
        for (var i = 0; i < 2; i++)
            pads[i + 2] = Math.Max(pads[i + 2], (y[1 + i] - 1) * window.Strides[i] + window.Kernel[i] - x[1 + i] - pads[i]);
        return window with { Pads = pads };
    }

    /// <summary>Pads as SAME or VALID where that is what they are; otherwise as a PAD in front of a VALID operator.</summary>
    private (PlacedValue X, byte Padding) Padded(QuantizedStep step, PlacedValue x, Window window, float value, bool same = true, bool explicitly = true)
    {
        const byte samePadding = 0, validPadding = 1;
        int[] sizes = x.Shape[1..3];
        if (window.Pads.All(p => p == 0))
            return (x, validPadding);
        if (same && window.Pads.AsSpan().SequenceEqual(Window.SamePads(sizes, window.Kernel, window.Strides, window.Dilations)))
            return (x, samePadding);
        if (!explicitly)
            throw Fault(step, $"an average with the pads [{string.Join(',', window.Pads)}] left out cannot be written as TensorFlow Lite");
        int[] pads = [0, 0, window.Pads[0], window.Pads[2], window.Pads[1], window.Pads[3], 0, 0];
        int[] shape = [x.Shape[0], x.Shape[1] + window.Pads[0] + window.Pads[2], x.Shape[2] + window.Pads[1] + window.Pads[3], x.Shape[3]];
        var tensor = _file.Value($"padded_{_temporaries++}", x.Type, shape, x.Quantization);
        var amounts = _file.Constant($"pads_{_temporaries++}", Tensor.Of(pads, 4, 2));
        if (value == 0)
            _file.Operator("PAD", [x.Tensor, amounts], [tensor], new(TfLiteTable.Pad));
        else
            _file.Operator("PADV2", [x.Tensor, amounts, PadValue(x, value)], [tensor], new(TfLiteTable.PadV2));
        return (x with { Tensor = tensor, Shape = shape }, validPadding);
    }
}
