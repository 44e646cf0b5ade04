using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Graph.Export;

/// <summary>Lowers a QDQ graph onto the int8 engine: one plan operator for each integer operator the graph stands for.</summary>
public static class PlanLowering
{
    /// <summary>
    /// The content of model.plan, validated. A plan's input and output are float32 and in the order [C, H, W]: an integer or
    /// NHWC input of the graph becomes one, see <see cref="FloatInterface"/>.
    /// </summary>
    /// <exception cref="InvalidGraphException">The graph is not quantized or uses an operator the engine lacks; the message names the node.</exception>
    public static byte[] Lower(GraphSpec qdq)
    {
        if (qdq.Inputs.Count != 1 || qdq.Outputs.Count != 1)
            throw new InvalidGraphException($"graph {qdq.Name}: a plan has one input and one output, this graph has {qdq.Inputs.Count} and {qdq.Outputs.Count}");
        try
        {
            return new Lowering(FloatInterface.Apply(qdq)).Run();
        }
        catch (Exception e) when (e is ArgumentException or PlanFormatException)
        {
            throw new InvalidGraphException($"graph {qdq.Name} cannot be lowered to a plan: {e.Message}");
        }
    }

    private sealed class Lowering(GraphSpec graph)
    {
        private readonly PlanBuilder _builder = new(graph.Name);
        private readonly IReadOnlyDictionary<string, ValueSpec> _shapes = ShapeInference.Infer(graph, 1);
        private readonly Dictionary<string, TensorId> _tensors = [];
        private readonly Dictionary<string, QuantizedStep> _constants = [];

        public byte[] Run()
        {
            foreach (var step in QuantizedSteps.Of(graph))
                if (step.Constant is null)
                    _tensors[step.Output] = Lower(step);
                else
                    _constants[step.Output] = step;
            _builder.Output(_tensors.TryGetValue(graph.Outputs[0].Name, out var output)
                ? output
                : throw new InvalidGraphException($"graph {graph.Name}: output '{graph.Outputs[0].Name}' is not computed by a quantized operator"));
            return _builder.Build();
        }

        private TensorId Lower(QuantizedStep step)
        {
            var node = step.Node;
            if (step.Inputs[0] == graph.Inputs[0].Name)
                return _builder.Input(Shape(step, step.Output), Output(step), node.Name);
            var x = Operand(step, 0);
            return node.Op switch
            {
                Conv conv => Convolution(step, conv, x),
                Gemm when step.Quantization is null => _builder.DenseHead(x, Weights(step), node.Name),
                Gemm => _builder.Dense(x, Weights(step), Output(step), Bounds(step), node.Name),
                Add => _builder.Add(x, Operand(step, 1), Output(step), Bounds(step), node.Name),
                Sub => _builder.Subtract(x, Operand(step, 1), Output(step), Bounds(step), node.Name),
                Mul => _builder.Multiply(x, Operand(step, 1), Output(step), Bounds(step), node.Name),
                AveragePool pool => _builder.AveragePool(x, Window(pool.Window), Output(step), pool.CountIncludePad, pool.CeilMode, Bounds(step), node.Name),
                GlobalAveragePool => _builder.GlobalAveragePool(x, Output(step), Bounds(step), node.Name),
                QuantizeLinear => _builder.Requantize(x, Output(step), node.Name),
                DequantizeLinear => _builder.Dequantize(x, node.Name),
                Softmax softmax when step.Quantization is null => _builder.Softmax(Logits(step, softmax.Axis, x), node.Name),
                ArgMax max => _builder.ArgMax(Logits(step, max.Axis, x), node.Name),
                // The plan's indices are float32 whatever the graph has them in.
                Cast when step.Quantization is null && _shapes[node.Inputs[0]].Type is ElementType.Int32 or ElementType.Int64 => x,
                Reshape or Flatten or Identity when step.Quantization is null => x,
                _ => Unclamped(step, x),
            };
        }

        /// <summary>A value that was computed, or a constant in the shape of the result; one that is the same for all pixels is a vector.</summary>
        private TensorId Operand(QuantizedStep step, int index)
        {
            var name = step.Inputs[index];
            if (_tensors.TryGetValue(name, out var tensor))
                return tensor;
            if (!_constants.TryGetValue(name, out var constant) || !_tensors.TryGetValue(step.Inputs[1 - index], out var other))
                throw step.Fault($"'{name}' is not computed from the input");
            var shape = Shape(step, step.Node.Output);
            var values = Array.ConvertAll(Broadcasting.Indices(_shapes[name].Shape, _shapes[step.Node.Output].Shape), i => constant.Constant![i]);
            // The engine repeats vectors over the pixels of the other operand, but subtracts nothing from one.
            if (_builder.ShapeOf(other) == shape && (step.Node.Op is not Sub || index == 1) && Vector(values, shape) is { } vector)
                (values, shape) = (vector, PlanShape.Flat(shape.Channels));
            return _builder.Constant(shape, values, Output(constant), constant.Node.Name);
        }

        /// <summary>One value for each channel, if all its pixels have the same.</summary>
        private static byte[]? Vector(byte[] values, PlanShape shape)
        {
            var vector = new byte[shape.Channels];
            for (var c = 0; c < vector.Length; c++)
            {
                var plane = values.AsSpan(c * shape.Pixels, shape.Pixels);
                if (plane.ContainsAnyExcept(plane[0]))
                    return null;
                vector[c] = plane[0];
            }
            return vector;
        }

        /// <summary>Operators whose results the engine does not bound: a clamp behind them is applied by a table.</summary>
        private TensorId Unclamped(QuantizedStep step, TensorId x)
        {
            var node = step.Node;
            var output = Output(step);
            if (UnaryFunctions.Of(node.Op) is { } function)
                return _builder.Activation(x, step.Bounds is var (min, max) ? v => Math.Clamp(function(v), min, max) : function, output, node.Name);
            var result = node.Op switch
            {
                Concat concat => _builder.Concat([.. step.Inputs.Select(i => _tensors[i])], Axis(step, concat.Axis), output, node.Name),
                MaxPool pool => _builder.MaxPool(x, Window(pool.Window), pool.CeilMode, node.Name),
                GlobalMaxPool => _builder.GlobalMaxPool(x, node.Name),
                Pad pad => Pad(step, pad, x),
                StridedSlice slice => Slice(step, slice, x),
                Reshape or Flatten or Identity => _builder.Reshape(x, Shape(step, node.Output), node.Name),
                _ => throw step.Fault("the int8 engine has no such operator; use the onnxruntime engine for this model"),
            };
            return step.Bounds is var (low, high)
                ? _builder.Activation(result, v => Math.Clamp(v, low, high), output, node.Name + "_clamp")
                : _builder.Requantize(result, output, node.Name + "_requantize");
        }

        private TensorId Convolution(QuantizedStep step, Conv conv, TensorId x) => step.Quantization is null
            ? _builder.ConvolutionHead(x, Weights(step), Window(conv.Window), conv.Groups, step.Node.Name)
            : _builder.Convolution(x, Weights(step), Window(conv.Window), conv.Groups, Output(step), Bounds(step), step.Node.Name);

        /// <summary>
        /// What Softmax and ArgMax read: float32, in the shape that the graph has. A Reshape of floats costs nothing until one of
        /// them asks for its shape.
        /// </summary>
        private TensorId Logits(QuantizedStep step, int axis, TensorId x)
        {
            var rank = _shapes[step.Node.Inputs[0]].Shape.Length;
            if ((axis < 0 ? axis + rank : axis) != 1)
                throw step.Fault($"the int8 engine has {step.Node.Op.Type} over channels only");
            if (_builder.ElementOf(x) == PlanElement.UInt8)
                x = _builder.Dequantize(x, step.Node.Name + "_dequantize");
            var shape = Shape(step, step.Node.Inputs[0]);
            return _builder.ShapeOf(x) == shape ? x : _builder.Reshape(x, shape, step.Node.Name + "_reshape");
        }

        private TensorId Pad(QuantizedStep step, Pad pad, TensorId x)
        {
            var rank = pad.Pads.Length / 2;
            if (rank is not (3 or 4) || pad.Pads[1] != 0 || pad.Pads[1 + rank] != 0)
                throw step.Fault("the int8 engine pads height and width only");
            var (top, bottom) = rank == 4 ? (pad.Pads[2], pad.Pads[2 + rank]) : (0, 0);
            return _builder.Pad(x, top, pad.Pads[rank - 1], bottom, pad.Pads[^1], _builder.QuantizationOf(x).Quantize(pad.Value), step.Node.Name);
        }

        /// <summary>
        /// The engine copies a slice by convolutions with a single weight of 1 for each output: with scale 1, and the quantization of their
        /// input, they give back its bytes. One of 1 x 1 picks channels. A depthwise one cuts rows and columns off the beginning, its weight
        /// the second of two taps that are so far apart; another one, its weight the first tap, what is then too much at the end.
        /// </summary>
        private TensorId Slice(QuantizedStep step, StridedSlice slice, TensorId x)
        {
            var shape = _shapes[step.Node.Inputs[0]].Shape;
            var ranges = SliceRanges.Of(slice, shape);
            var whole = new SliceRange(0, 1, 1);
            var (channels, height, width) = shape.Length is >= 2 and <= 4
                ? (ranges[1], shape.Length == 4 ? ranges[2] : whole, shape.Length > 2 ? ranges[^1] : whole)
                : throw step.Fault($"the int8 engine has no slices of the shape [{string.Join(',', shape)}]");
            if (height is { Step: < 1, Count: > 1 } || width is { Step: < 1, Count: > 1 })
                throw step.Fault("the int8 engine does not turn images around");
            if (!channels.IsWhole(shape[1]))
            {
                var picks = new sbyte[channels.Count * shape[1]];
                for (var i = 0; i < channels.Count; i++)
                    picks[i * shape[1] + channels.Start + i * channels.Step] = 1;
                x = Copy(x, picks, channels.Count, new(1, 1), 1, step.Node.Name + "_channels");
            }
            var (strideY, strideX) = (Math.Max(1, height.Step), Math.Max(1, width.Step));
            if (height.Start > 0 || width.Start > 0 || strideY > 1 || strideX > 1)
                x = Taps(x, height.Start, width.Start, strideY, strideX, atEnd: true, step.Node.Name);
            var size = _builder.ShapeOf(x);
            return size.Height > height.Count || size.Width > width.Count
                ? Taps(x, size.Height - height.Count, size.Width - width.Count, 1, 1, atEnd: false, step.Node.Name + "_end")
                : x;
        }

        /// <summary>Every element, or that so many rows down and columns to the right of it.</summary>
        private TensorId Taps(TensorId x, int rows, int columns, int strideY, int strideX, bool atEnd, string name)
        {
            var (channels, high, wide) = (_builder.ShapeOf(x).Channels, rows > 0 ? 2 : 1, columns > 0 ? 2 : 1);
            var taps = new sbyte[channels * high * wide];
            for (var c = 0; c < channels; c++)
                taps[atEnd ? (c + 1) * high * wide - 1 : c * high * wide] = 1;
            return Copy(x, taps, channels, new(high, wide, strideY, strideX, DilationY: Math.Max(1, rows), DilationX: Math.Max(1, columns)), channels, name);
        }

        private TensorId Copy(TensorId x, sbyte[] weights, int outputs, PlanWindow window, int groups, string name) =>
            _builder.Convolution(x, new(weights, [.. Enumerable.Repeat(1f, outputs)], new int[outputs]), window, groups, _builder.QuantizationOf(x), null, name);

        private ConcatAxis Axis(QuantizedStep step, int axis)
        {
            var rank = _shapes[step.Node.Output].Shape.Length;
            return ((axis < 0 ? axis + rank : axis), rank) switch
            {
                (1, _) => ConcatAxis.Channels,
                (2, 4) => ConcatAxis.Height,
                (2, 3) or (3, 4) => ConcatAxis.Width,
                _ => throw step.Fault($"the int8 engine cannot join along axis {axis}"),
            };
        }

        private PlanShape Shape(QuantizedStep step, string value) => _shapes[value].Shape switch
        {
            [1, var channels] => PlanShape.Flat(channels),
            [1, var channels, var width] => new(1, width, channels),
            [1, var channels, var height, var width] => new(height, width, channels),
            var other => throw step.Fault($"the int8 engine has no place for the shape [{string.Join(',', other)}]"),
        };

        private static PlanWindow Window(Window window) => window.Kernel.Length == 1
            ? new(1, window.Kernel[0], 1, window.Strides[0], 0, window.Pads[0], 0, window.Pads[1], 1, window.Dilations[0])
            : new(
                window.Kernel[0], window.Kernel[1], window.Strides[0], window.Strides[1],
                window.Pads[0], window.Pads[1], window.Pads[2], window.Pads[3], window.Dilations[0], window.Dilations[1]);

        private static LayerWeights Weights(QuantizedStep step) => new(step.Weights!.Values, step.Weights.Scales, step.Weights.Bias);

        private static Int8.Plan.Quantization Output(QuantizedStep step) => step.Quantization is { } quantization
            ? new(quantization.Scale, quantization.ZeroPoint)
            : throw step.Fault("its result must be quantized for the int8 engine");

        private static ActivationBounds? Bounds(QuantizedStep step) => step.Bounds is var (min, max) ? ActivationBounds.Clip(Output(step), min, max) : null;
    }
}
