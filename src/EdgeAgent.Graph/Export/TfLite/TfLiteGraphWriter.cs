using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>
/// Walks a graph, or the integer steps of a QDQ graph, and writes each as operators of the file. Values with channels last
/// stay so from one spatial operator to the next; where an operator depends on the order of axes a TRANSPOSE is written.
/// </summary>
internal sealed partial class TfLiteGraphWriter
{
    private const int SignedOffset = 128;

    private readonly GraphSpec _graph;
    private readonly TfLiteFileBuilder _file = new();
    private readonly Dictionary<string, ValueSpec> _shapes;
    private readonly Dictionary<string, PlacedValue> _values = [];
    private readonly Dictionary<string, PlacedValue> _otherOrder = [];
    private int _temporaries;

    public TfLiteGraphWriter(GraphSpec graph)
    {
        _graph = graph;
        _shapes = ShapeInference.Infer(graph, -1).ToDictionary();
    }

    /// <summary>Whether an input or output of the graph has its channels last in the file.</summary>
    public bool IsChannelsLast(string name) => _values[name].ChannelsLast;

    public byte[] Write()
    {
        int[] inputs = [.. _graph.Inputs.Select(Input)];
        foreach (var step in Steps())
            Write(step);
        int[] outputs = [.. _graph.Outputs.Select(Output)];
        return _file.ToBytes(_graph.Name, inputs, outputs, _graph.Metadata.Where(m => m.Key != "producer").ToDictionary(m => m.Key, m => m.Value));
    }

    private IEnumerable<QuantizedStep> Steps() => _graph.Nodes.Any(n => n.Op is QuantizeLinear or DequantizeLinear)
        ? QuantizedSteps.Of(_graph)
        : _graph.Nodes.Select(n => new QuantizedStep(n, n.Inputs, n.Output, null, null, null));

    private int Input(ValueSpec input)
    {
        var quantization = input.Type is ElementType.Int8 or ElementType.UInt8 ? InputQuantization(input.Name) : null;
        // An image, unless the graph itself starts with its channels last, or with something else than images.
        var image = input.Shape.Length == 4 && !ReadersOf(input.Name).Any(n => n.Op is Transpose or Reshape or Flatten or MatMul);
        int[] shape = image ? Permuted(input.Shape, PlacedValue.ToLast) : input.Shape;
        var tensor = _file.Value(input.Name, input.Type, shape, quantization);
        _values[input.Name] = new(tensor, input.Type, shape, image, quantization);
        return tensor;
    }

    /// <summary>Readers behind QuantizeLinear and DequantizeLinear.</summary>
    private IEnumerable<Node> ReadersOf(string value) =>
        _graph.Nodes.Where(n => n.Inputs.Contains(value)).SelectMany(n => n.Op is QuantizeLinear or DequantizeLinear ? ReadersOf(n.Output) : [n]);

    private TfLiteQuantization? InputQuantization(string name)
    {
        var reader = _graph.Nodes.FirstOrDefault(n => n.Inputs[0] == name && n.Op is DequantizeLinear);
        return reader is null ? null : new(_graph.Constants[reader.Inputs[1]].Floats, Quantizing.Integers(_graph.Constants[reader.Inputs[2]]), 0);
    }

    private int Output(ValueSpec output)
    {
        if (!_values.TryGetValue(output.Name, out var value))
            throw new InvalidGraphException($"graph {_graph.Name}: output '{output.Name}' is a constant or not computed by an operator that can be written");
        return value.Tensor;
    }

    /// <summary>The value in the graph's own order of axes.</summary>
    private PlacedValue InOrder(string name)
    {
        var value = Any(name);
        if (!value.ChannelsLast)
            return value;
        if (!_otherOrder.TryGetValue(name, out var ordered))
            _otherOrder[name] = ordered = Moved(value, PlacedValue.ToFirst, channelsLast: false);
        return ordered;
    }

    /// <summary>An image with its channels last.</summary>
    private PlacedValue ChannelsLast(string name)
    {
        var value = Any(name);
        if (value.ChannelsLast || value.Shape.Length != 4)
            return value;
        if (!_otherOrder.TryGetValue(name, out var moved))
            _otherOrder[name] = moved = Moved(value, PlacedValue.ToLast, channelsLast: true);
        return moved;
    }

    private PlacedValue Any(string name)
    {
        if (_values.TryGetValue(name, out var value))
            return value;
        return _graph.Constants.TryGetValue(name, out var tensor)
            ? _values[name] = Constant(name, tensor)
            : throw new InvalidGraphException($"graph {_graph.Name}: value '{name}' is not computed by an operator that can be written");
    }

    private PlacedValue Constant(string name, Tensor tensor) => new(_file.Constant(name, tensor), tensor.Type, tensor.Shape, false, null);

    private PlacedValue Number(float value, string what) => Constant($"{what}_{_temporaries++}", Tensor.Of([value], []));

    private int Integers(params int[] values) => _file.Constant($"integers_{_temporaries++}", Tensor.Of(values, values.Length));

    private PlacedValue Moved(PlacedValue value, int[] permutation, bool channelsLast)
    {
        var shape = Permuted(value.Shape, permutation);
        var tensor = _file.Value($"moved_{_temporaries++}", value.Type, shape, value.Quantization);
        if (value.IsOnePixelOrChannel)
            WriteReshape(value.Tensor, tensor, shape);
        else
            _file.Operator("TRANSPOSE", [value.Tensor, Integers(permutation)], [tensor], new(TfLiteTable.Transpose));
        return value with { Tensor = tensor, Shape = shape, ChannelsLast = channelsLast };
    }

    private void WriteReshape(int from, int to, int[] shape)
    {
        if (shape.Count(d => d < 0) > 1)
            throw new InvalidGraphException($"graph {_graph.Name}: the shape [{string.Join(',', shape)}] depends on the batch twice");
        int[] target = Array.ConvertAll(shape, d => Math.Max(d, -1));
        _file.Operator("RESHAPE", [from, Integers(target)], [to], new(TfLiteTable.Reshape, (0, target)));
    }

    /// <summary>Writes an operator whose result is <paramref name="step"/>'s; <paramref name="required"/> is the quantization that the operator is bound to make.</summary>
    private void Emit(QuantizedStep step, string op, int[] inputs, int[] shape, bool channelsLast, TfLiteOptions? options = null, TfLiteQuantization? required = null, bool fuses = false)
    {
        var wanted = Wanted(step);
        var separate = fuses ? null : SeparateClamp(step);
        var made = wanted is null ? null : required ?? wanted;
        var direct = separate is null && Same(made, wanted);
        var type = wanted is null ? TypeOf(step) : ElementType.Int8;
        var tensor = _file.Value(direct ? step.Output : $"{step.Node.Name}_raw", type, shape, made);
        _file.Operator(op, inputs, [tensor], options);
        if (separate is not null)
        {
            var clamped = _file.Value(Same(made, wanted) ? step.Output : $"{step.Node.Name}_clamped", type, shape, made);
            _file.Operator(separate, [tensor], [clamped]);
            tensor = clamped;
        }
        if (!Same(made, wanted))
        {
            var quantized = _file.Value(step.Output, type, shape, wanted);
            _file.Operator("QUANTIZE", [tensor], [quantized], new(TfLiteTable.Quantize));
            tensor = quantized;
        }
        Place(step, new(tensor, type, shape, channelsLast, wanted));
    }

    private void Place(QuantizedStep step, PlacedValue value) => _values[step.Output] = value;

    /// <summary>The value is the input's tensor as it is; an output of the graph gets a tensor of its own.</summary>
    private void Alias(QuantizedStep step, PlacedValue value)
    {
        if (_graph.Outputs.All(o => o.Name != step.Output) && Same(value.Quantization, Wanted(step)) && step.Clamp is null)
            Place(step, value);
        else
            EmitReshape(step, value, value.Shape, value.ChannelsLast);
    }

    private void EmitReshape(QuantizedStep step, PlacedValue x, int[] shape, bool channelsLast)
    {
        if (step.Quantization is null && x.Quantization is not null)
            x = Dequantized(x);
        int[] target = Array.ConvertAll(shape, d => Math.Max(d, -1));
        if (shape.Count(d => d < 0) > 1)
            throw Fault(step, $"its shape [{string.Join(',', shape)}] depends on the batch twice");
        Emit(step, "RESHAPE", [x.Tensor, Integers(target)], shape, channelsLast, new(TfLiteTable.Reshape, (0, target)), x.Quantization);
    }

    /// <summary>Quantization of the step's result for int8; null where it is float.</summary>
    private static TfLiteQuantization? Wanted(QuantizedStep step) =>
        step.Quantization is { } q ? new([q.Scale], [q.ZeroPoint - SignedOffset], 0) : null;

    private ElementType TypeOf(QuantizedStep step) => _shapes[step.Output].Type is var type && type is ElementType.UInt8 or ElementType.Int8 ? ElementType.Float32 : type;

    private static bool Same(TfLiteQuantization? a, TfLiteQuantization? b) =>
        a is null && b is null || a is not null && b is not null && a.Scales.AsSpan().SequenceEqual(b.Scales) && a.ZeroPoints.AsSpan().SequenceEqual(b.ZeroPoints);

    /// <summary>The clamp as the activation that is part of an operator.</summary>
    private static byte Activation(QuantizedStep step) => step.Clamp switch
    {
        null => 0,
        Relu or Clip { Min: 0, Max: float.PositiveInfinity or float.MaxValue } => 1,
        Clip { Min: -1, Max: 1 } => 2,
        Clip { Min: 0, Max: 6 } => 3,
        Clip clip => throw Fault(step, $"a Clip to [{clip.Min}, {clip.Max}] in integers cannot be written; TensorFlow Lite has [0, inf], [0, 6] and [-1, 1]"),
        var other => throw Fault(step, $"{other.Type} cannot be written as an activation"),
    };

    private static string? SeparateClamp(QuantizedStep step) => Activation(step) switch
    {
        0 => null,
        1 => "RELU",
        2 => "RELU_N1_TO_1",
        _ => "RELU6",
    };

    private static int[] Permuted(int[] shape, int[] permutation) => Array.ConvertAll(permutation, p => shape[p]);

    private static Tensor Permuted(Tensor tensor, int[] permutation)
    {
        var shape = Permuted(tensor.Shape, permutation);
        if (tensor.Type == ElementType.Int8)
        {
            var integers = new sbyte[tensor.Count];
            Layout.Transpose<sbyte>(permutation, (sbyte[])tensor.Data, tensor.Shape, integers);
            return Tensor.Of(integers, shape);
        }
        var floats = new float[tensor.Count];
        Layout.Transpose<float>(permutation, tensor.Floats, tensor.Shape, floats);
        return Tensor.Of(floats, shape);
    }

    private static InvalidGraphException Fault(QuantizedStep step, string what) => new($"node '{step.Node.Name}' ({step.Node.Op.Type}): {what}");
}
