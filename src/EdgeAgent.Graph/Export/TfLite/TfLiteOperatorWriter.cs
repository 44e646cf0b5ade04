using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>Each operator of the IR as operators of the file.</summary>
internal sealed partial class TfLiteGraphWriter
{
    /// <summary>Quantizations that the runtime's kernels are bound to make.</summary>
    private static readonly TfLiteQuantization UnitRange = new([1f / 256], [-128], 0), SignedUnitRange = new([1f / 128], [0], 0);

    /// <summary>
    /// An operator that runtimes have for real numbers only, between DEQUANTIZE and QUANTIZE: its input and output are rounded all the
    /// same, and the rest of the model stays in integers.
    /// </summary>
    private void WriteInReal(QuantizedStep step)
    {
        var inputs = step.Inputs.Select(input =>
        {
            var value = Any(input);
            var name = $"{input}_real_{_temporaries++}";
            _values[name] = value.Quantization is null ? value : Dequantized(value);
            return _graph.Constants.ContainsKey(input) ? input : name;
        }).ToArray();
        var real = step with { Inputs = inputs, Output = $"{step.Output}_real", Quantization = null, Clamp = null };
        _shapes[real.Output] = _shapes[step.Node.Output] with { Name = real.Output };
        Write(real);
        var made = _values[real.Output];
        Emit(step, "QUANTIZE", [made.Tensor], made.Shape, made.ChannelsLast, new(TfLiteTable.Quantize));
    }

    private void Write(QuantizedStep step)
    {
        switch (step.Node.Op)
        {
            case QuantizeLinear:
                var input = Any(step.Inputs[0]);
                Emit(step, "QUANTIZE", [input.Tensor], input.Shape, input.ChannelsLast, new(TfLiteTable.Quantize));
                break;
            case DequantizeLinear when step.Constant is { } integers:
                var (operand, quantization) = (_graph.Constants[step.Node.Inputs[0]].Shape, Wanted(step));
                var values = Tensor.Of(Array.ConvertAll(integers, q => (sbyte)(q - SignedOffset)), operand);
                Place(step, new(_file.Constant(step.Output, values, quantization), ElementType.Int8, operand, false, quantization));
                break;
            case DequantizeLinear:
                var dequantized = Any(step.Inputs[0]);
                Emit(step, "DEQUANTIZE", [dequantized.Tensor], dequantized.Shape, dequantized.ChannelsLast, new(TfLiteTable.Dequantize));
                break;
            case Conv conv:
                WriteConvolution(step, conv);
                break;
            case ConvTranspose conv:
                WriteTransposed(step, conv);
                break;
            case Gemm gemm:
                WriteDense(step, gemm);
                break;
            case BatchNormalization normalization:
                WriteNormalization(step, normalization);
                break;
            case MatMul:
                var (a, b) = (InOrder(step.Inputs[0]), InOrder(step.Inputs[1]));
                Emit(step, "BATCH_MATMUL", [a.Tensor, b.Tensor], _shapes[step.Output].Shape, false, new(TfLiteTable.BatchMatMul));
                break;
            case BinaryOperator or ComparisonOperator or LogicalOperator:
                WriteBinary(step);
                break;
            case MaxPool or AveragePool:
                WritePool(step);
                break;
            case GlobalAveragePool:
                Reduce(step, "MEAN", ChannelsLast(step.Inputs[0]), [1, 2], keep: true);
                break;
            case GlobalMaxPool:
                Reduce(step, "REDUCE_MAX", ChannelsLast(step.Inputs[0]), [1, 2], keep: true);
                break;
            case ReduceOperator reduce:
                var reduced = reduce.KeepDims ? Any(step.Inputs[0]) : InOrder(step.Inputs[0]);
                Reduce(step, reduce switch { ReduceMean => "MEAN", ReduceSum => "SUM", ReduceMax => "REDUCE_MAX", ReduceMin => "REDUCE_MIN", _ => "REDUCE_PROD" }, reduced, Array.ConvertAll(reduce.Axes, reduced.Axis), reduce.KeepDims);
                break;
            case Identity:
                Alias(step, Any(step.Inputs[0]));
                break;
            case Reshape or Flatten:
                var flat = Any(step.Inputs[0]);
                EmitReshape(step, flat.IsOnePixelOrChannel ? flat : InOrder(step.Inputs[0]), _shapes[step.Node.Output].Shape, channelsLast: false);
                break;
            case Transpose transpose:
                WriteTranspose(step, transpose);
                break;
            case Concat concat:
                WriteConcat(step, concat);
                break;
            case Pad pad:
                var padded = Any(step.Inputs[0]);
                var rank = padded.Shape.Length;
                WritePad(step, padded, [.. Enumerable.Range(0, rank).Select(i => padded.ChannelsLast ? PlacedValue.ToLast[i] : i).SelectMany(i => new[] { pad.Pads[i], pad.Pads[i + rank] })], pad.Value);
                break;
            case Softmax softmax:
                WriteSoftmax(step, softmax.Axis, "SOFTMAX", new(TfLiteTable.Softmax, (0, 1f)), UnitRange);
                break;
            case LogSoftmax softmax:
                WriteSoftmax(step, softmax.Axis, "LOG_SOFTMAX", new(TfLiteTable.LogSoftmax), new([16f / 256], [127], 0));
                break;
            case Resize resize:
                WriteResize(step, resize);
                break;
            case Gather gather:
                var (data, indices) = (InOrder(step.Inputs[0]), InOrder(step.Inputs[1]));
                Emit(step, "GATHER", [data.Tensor, indices.Tensor], _shapes[step.Output].Shape, false, new(TfLiteTable.Gather, (0, gather.Axis)));
                break;
            case StridedSlice slice:
                WriteSlice(step, slice);
                break;
            case ArgMax { KeepDims: false } max:
                if (_shapes[step.Inputs[0]].Type == ElementType.Int64)
                    throw Fault(step, "the place of the largest of 64-bit integers cannot be written as TensorFlow Lite");
                var among = InOrder(step.Inputs[0]);
                Emit(step, "ARG_MAX", [among.Tensor, Integers(among.Axis(max.Axis))], _shapes[step.Output].Shape, false, new(TfLiteTable.ArgMax, (0, (byte)TfLiteType.Int64)));
                break;
            case Lstm lstm:
                WriteLstm(step, lstm);
                break;
            case Cast:
                var cast = Any(step.Inputs[0]);
                Emit(step, "CAST", [cast.Tensor], cast.Shape, cast.ChannelsLast, new(TfLiteTable.Cast));
                break;
            case Where:
                Emit(step, "SELECT_V2", [.. step.Inputs.Select(i => InOrder(i).Tensor)], _shapes[step.Output].Shape, false, new(TfLiteTable.SelectV2));
                break;
            case Not or UnaryOperator:
                WriteUnary(step);
                break;
            default:
                throw Fault(step, "cannot be written as TensorFlow Lite");
        }
    }

    private void WriteUnary(QuantizedStep step)
    {
        var x = Any(step.Inputs[0]);
        var simple = step.Node.Op switch
        {
            Relu => ("RELU", null, null),
            Clip { Min: 0, Max: 6 } => ("RELU6", null, null),
            Clip { Min: -1, Max: 1 } => ("RELU_N1_TO_1", null, null),
            LeakyRelu leaky => ("LEAKY_RELU", new TfLiteOptions(TfLiteTable.LeakyRelu, (0, leaky.Alpha)), null),
            Sigmoid => ("LOGISTIC", null, UnitRange),
            Tanh => ("TANH", null, SignedUnitRange),
            HardSwish => ("HARD_SWISH", null, null),
            Abs => ("ABS", new TfLiteOptions(TfLiteTable.Abs), null),
            Ceil => ("CEIL", null, null),
            Cos => ("COS", null, null),
            Elu { Alpha: 1 } => ("ELU", null, null),
            Exp => ("EXP", null, null),
            Floor => ("FLOOR", null, null),
            Gelu => ("GELU", new TfLiteOptions(TfLiteTable.Gelu), null),
            Log => ("LOG", null, null),
            Neg => ("NEG", null, null),
            Not => ("LOGICAL_NOT", null, null),
            Round => ("ROUND", null, null),
            Sign => ("SIGN", null, null),
            Sin => ("SIN", null, null),
            Sqrt => ("SQRT", null, null),
            _ => default((string, TfLiteOptions?, TfLiteQuantization?)?),
        };
        if (simple is var (op, options, required))
        {
            Emit(step, op, [x.Tensor], x.Shape, x.ChannelsLast, options, required);
            return;
        }
        if (step.Quantization is not null)
        {
            WriteInReal(step);
            return;
        }
        switch (step.Node.Op)
        {
            case Clip clip:
                var bounded = float.IsNegativeInfinity(clip.Min) || clip.Min == float.MinValue ? x : Temporary("MAXIMUM", x, Number(clip.Min, "minimum"), new(TfLiteTable.MaximumMinimum));
                Emit(step, "MINIMUM", [bounded.Tensor, Number(clip.Max, "maximum").Tensor], x.Shape, x.ChannelsLast, new(TfLiteTable.MaximumMinimum));
                break;
            case HardSigmoid hard:
                var line = Temporary("ADD", Temporary("MUL", x, Number(hard.Alpha, "factor"), new(TfLiteTable.Mul)), Number(hard.Beta, "offset"), new(TfLiteTable.Add));
                Emit(step, "MINIMUM", [Temporary("MAXIMUM", line, Number(0, "minimum"), new(TfLiteTable.MaximumMinimum)).Tensor, Number(1, "maximum").Tensor], x.Shape, x.ChannelsLast, new(TfLiteTable.MaximumMinimum));
                break;
            case Reciprocal:
                Emit(step, "DIV", [Number(1, "one").Tensor, x.Tensor], x.Shape, x.ChannelsLast, new(TfLiteTable.Div));
                break;
            default:
                throw Fault(step, "cannot be written as TensorFlow Lite");
        }
    }

    /// <summary>Where no layer before it could take it in: x * factor + offset for each channel.</summary>
    private void WriteNormalization(QuantizedStep step, BatchNormalization normalization)
    {
        if (step.Node.Inputs.Skip(1).Any(i => !_graph.Constants.ContainsKey(i)))
            throw Fault(step, "computed statistics cannot be written as TensorFlow Lite");
        var p = step.Node.Inputs.Skip(1).Select(i => _graph.Constants[i].Floats).ToArray();
        var (factors, offsets) = Normalization.Affine(normalization.Epsilon, p[0], p[1], p[2], p[3]);
        var x = ChannelsLast(step.Inputs[0]);
        int[] shape = x.ChannelsLast ? [1, 1, 1, factors.Length] : [factors.Length, .. Enumerable.Repeat(1, x.Shape.Length - 2)];
        PlacedValue ByChannel(double[] values) => Constant($"channels_{_temporaries++}", Tensor.Of(Array.ConvertAll(values, v => (float)v), shape));
        var scaled = Temporary("MUL", x, ByChannel(factors), new(TfLiteTable.Mul));
        Emit(step, "ADD", [scaled.Tensor, ByChannel(offsets).Tensor], x.Shape, x.ChannelsLast, new(TfLiteTable.Add));
    }

    /// <summary>A float operator whose result only the next one reads.</summary>
    private PlacedValue Temporary(string op, PlacedValue a, PlacedValue b, TfLiteOptions options)
    {
        var tensor = _file.Value($"{op.ToLowerInvariant()}_{_temporaries++}", a.Type, a.Shape, null);
        _file.Operator(op, [a.Tensor, b.Tensor], [tensor], options);
        return a with { Tensor = tensor };
    }

    private void WriteBinary(QuantizedStep step)
    {
        var activation = step.Node.Op is Add or Sub or Mul or Div ? Activation(step) : (byte)0;
        var (op, options) = step.Node.Op switch
        {
            Add => ("ADD", new TfLiteOptions(TfLiteTable.Add, (0, activation))),
            Sub => ("SUB", new TfLiteOptions(TfLiteTable.Sub, (0, activation))),
            Mul => ("MUL", new TfLiteOptions(TfLiteTable.Mul, (0, activation))),
            Div => ("DIV", new TfLiteOptions(TfLiteTable.Div, (0, activation))),
            Max => ("MAXIMUM", new TfLiteOptions(TfLiteTable.MaximumMinimum)),
            Min => ("MINIMUM", new TfLiteOptions(TfLiteTable.MaximumMinimum)),
            Pow => ("POW", new TfLiteOptions(TfLiteTable.Pow)),
            PRelu => ("PRELU", null),
            Equal => ("EQUAL", new TfLiteOptions(TfLiteTable.Equal)),
            Greater => ("GREATER", new TfLiteOptions(TfLiteTable.Greater)),
            GreaterOrEqual => ("GREATER_EQUAL", new TfLiteOptions(TfLiteTable.GreaterEqual)),
            Less => ("LESS", new TfLiteOptions(TfLiteTable.Less)),
            LessOrEqual => ("LESS_EQUAL", new TfLiteOptions(TfLiteTable.LessEqual)),
            And => ("LOGICAL_AND", new TfLiteOptions(TfLiteTable.LogicalAnd)),
            Or => ("LOGICAL_OR", new TfLiteOptions(TfLiteTable.LogicalOr)),
            Xor => ("NOT_EQUAL", new TfLiteOptions(TfLiteTable.NotEqual)),
            _ => throw Fault(step, "cannot be written as TensorFlow Lite"),
        };
        if (step.Quantization is not null && step.Node.Op is not (Add or Sub or Mul))
        {
            WriteInReal(step);
            return;
        }
        var shape = _shapes[step.Node.Output].Shape;
        // Channels last, if a whole image is; a smaller constant is turned along with it.
        var last = step.Inputs.Any(i => _values.TryGetValue(i, out var v) && v.ChannelsLast) && shape.Length == 4
            && step.Inputs.All(i => _graph.Constants.ContainsKey(i) || Any(i).Shape.Length == 4);
        int[] inputs = [.. step.Inputs.Select(i => !last ? InOrder(i).Tensor : _graph.Constants.TryGetValue(i, out var c) ? TurnedConstant(i, c) : ChannelsLast(i).Tensor)];
        Emit(step, op, inputs, last ? Permuted(shape, PlacedValue.ToLast) : shape, last, options, fuses: step.Node.Op is Add or Sub or Mul or Div);
    }

    private int TurnedConstant(string name, Tensor tensor)
    {
        if (tensor.Count == 1)
            return Any(name).Tensor;
        var full = tensor.Reshape([.. Enumerable.Repeat(1, 4 - tensor.Shape.Length), .. tensor.Shape]);
        return Constant($"{name}_turned_{_temporaries++}", Permuted(full, PlacedValue.ToLast)).Tensor;
    }

    private void Reduce(QuantizedStep step, string op, PlacedValue x, int[] axes, bool keep)
    {
        int[] shape = [.. x.Shape.Select((d, i) => (d, i)).Where(p => keep || !axes.Contains(p.i)).Select(p => axes.Contains(p.i) ? 1 : p.d)];
        Emit(step, op, [x.Tensor, Integers(axes)], shape, x.ChannelsLast && keep, new(TfLiteTable.Reducer, (0, keep)), op == "MEAN" ? null : x.Quantization);
    }

    private void WriteTranspose(QuantizedStep step, Transpose transpose)
    {
        var x = Any(step.Inputs[0]);
        var permutation = transpose.Permutation.AsSpan();
        // What an importer wrote around an operator with channels last: the tensor is there already.
        if (x.ChannelsLast && permutation.SequenceEqual(PlacedValue.ToLast))
            Alias(step, x with { ChannelsLast = false });
        else if (!x.ChannelsLast && permutation.SequenceEqual(PlacedValue.ToFirst))
            Alias(step, x with { ChannelsLast = true });
        else
        {
            x = InOrder(step.Inputs[0]);
            if (step.Quantization is null && x.Quantization is not null)
                x = Dequantized(x);
            Emit(step, "TRANSPOSE", [x.Tensor, Integers(transpose.Permutation)], Permuted(x.Shape, transpose.Permutation), false, new(TfLiteTable.Transpose), x.Quantization);
        }
    }

    private void WriteConcat(QuantizedStep step, Concat concat)
    {
        var last = step.Inputs.All(i => _values.TryGetValue(i, out var v) && v.ChannelsLast);
        var parts = step.Inputs.Select(i => last ? Any(i) : InOrder(i)).ToArray();
        var wanted = Wanted(step);
        // Integers are only copied: all must have the result's scale.
        int[] inputs = [.. parts.Select(p => Same(p.Quantization, wanted) ? p.Tensor : Requantized(p, wanted!))];
        var axis = parts[0].Axis(concat.Axis);
        var shape = _shapes[step.Node.Output].Shape;
        Emit(step, "CONCATENATION", inputs, last ? Permuted(shape, PlacedValue.ToLast) : shape, last, new(TfLiteTable.Concatenation, (0, axis), (1, Activation(step))), fuses: true);
    }

    private int Requantized(PlacedValue value, TfLiteQuantization quantization)
    {
        var tensor = _file.Value($"requantized_{_temporaries++}", ElementType.Int8, value.Shape, quantization);
        _file.Operator("QUANTIZE", [value.Tensor], [tensor], new(TfLiteTable.Quantize));
        return tensor;
    }

    /// <param name="pads">Before and behind of every axis of the file.</param>
    private void WritePad(QuantizedStep step, PlacedValue x, int[] pads, float value)
    {
        int[] shape = [.. x.Shape.Select((d, i) => d < 0 ? d : d + pads[2 * i] + pads[2 * i + 1])];
        var amounts = _file.Constant($"pads_{_temporaries++}", Tensor.Of(pads, x.Shape.Length, 2));
        if (value == 0)
            Emit(step, "PAD", [x.Tensor, amounts], shape, x.ChannelsLast, new(TfLiteTable.Pad), x.Quantization);
        else
            Emit(step, "PADV2", [x.Tensor, amounts, PadValue(x, value)], shape, x.ChannelsLast, new(TfLiteTable.PadV2), x.Quantization);
    }

    private int PadValue(PlacedValue x, float value)
    {
        if (x.Quantization is not { } q)
            return Number(value, "pad").Tensor;
        var integer = (sbyte)Math.Clamp(Math.Round(value / (double)q.Scales[0], MidpointRounding.ToEven) + q.ZeroPoints[0], -128, 127);
        return _file.Constant($"pad_{_temporaries++}", Tensor.Of([integer], []), q);
    }

    private void WriteSoftmax(QuantizedStep step, int axis, string op, TfLiteOptions options, TfLiteQuantization required)
    {
        var x = Any(step.Inputs[0]);
        if (x.Axis(axis) != x.Shape.Length - 1)
            x = InOrder(step.Inputs[0]);
        if (x.Axis(axis) != x.Shape.Length - 1)
            throw Fault(step, "a Softmax over another axis than the last, or channels, cannot be written as TensorFlow Lite");
        if (step.Quantization is null && x.Quantization is not null)
            x = Dequantized(x);
        Emit(step, op, [x.Tensor], x.Shape, x.ChannelsLast, options, required);
    }

    private PlacedValue Dequantized(PlacedValue x)
    {
        var tensor = _file.Value($"dequantized_{_temporaries++}", ElementType.Float32, x.Shape, null);
        _file.Operator("DEQUANTIZE", [x.Tensor], [tensor], new(TfLiteTable.Dequantize));
        return x with { Tensor = tensor, Type = ElementType.Float32, Quantization = null };
    }

    private void WriteResize(QuantizedStep step, Resize resize)
    {
        var x = ChannelsLast(step.Inputs[0]);
        if (x.Shape.Length != 4)
            throw Fault(step, "only images can be resized in TensorFlow Lite");
        var linear = resize.Rounding == ResizeRounding.Linear;
        var (align, half) = (resize.Coordinates == ResizeCoordinates.AlignCorners, resize.Coordinates == ResizeCoordinates.HalfPixel);
        if (resize.Coordinates == ResizeCoordinates.PytorchHalfPixel || !linear && resize.Rounding != (align || half ? ResizeRounding.RoundPreferCeil : ResizeRounding.Floor))
            throw Fault(step, "its coordinates cannot be written as TensorFlow Lite");
        Emit(
            step, linear ? "RESIZE_BILINEAR" : "RESIZE_NEAREST_NEIGHBOR", [x.Tensor, Integers(resize.Sizes)], [x.Shape[0], .. resize.Sizes, x.Shape[3]], true,
            linear ? new(TfLiteTable.ResizeBilinear, (2, align), (3, half)) : new(TfLiteTable.ResizeNearestNeighbor, (0, align), (1, half)), x.Quantization);
    }

    private void WriteSlice(QuantizedStep step, StridedSlice slice)
    {
        var x = InOrder(step.Inputs[0]);
        var ranges = SliceRanges.Of(slice, x.Shape);
        int[] begin = Array.ConvertAll(ranges, r => r.Start), steps = Array.ConvertAll(ranges, r => r.Step);
        var (end, whole) = (new int[ranges.Length], 0);
        for (var i = 0; i < ranges.Length; i++)
        {
            if (ranges[i].IsWhole(x.Shape[i]))
                whole |= 1 << i;
            var behind = ranges[i].Start + ranges[i].Count * ranges[i].Step;
            // Going backwards to the first element, the end is before it, which no number says.
            end[i] = behind < 0 ? behind - x.Shape[i] : behind;
        }
        Emit(step, "STRIDED_SLICE", [x.Tensor, Integers(begin), Integers(end), Integers(steps)], _shapes[step.Node.Output].Shape, false, new(TfLiteTable.StridedSlice, (0, whole), (1, whole)), x.Quantization);
    }
}
