using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.TensorFlow.AttrValue;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>A node being converted: its attributes, and its inputs as they have become known.</summary>
internal sealed class TfNode(NodeDef def, IReadOnlyList<TfValue> inputs, ChannelsLastGraph graph)
{
    public string Name => def.Name;

    public string Op => def.Op;

    public int InputCount => inputs.Count;

    public TfValue Input(int index) =>
        index < inputs.Count ? inputs[index] : throw Fault($"has {inputs.Count} inputs; input {index} is missing");

    /// <summary>The input as a value of the graph.</summary>
    public Laid Data(int index) => Data(Input(index), index);

    /// <summary>A value as one of the graph, for this node to read.</summary>
    public Laid Data(TfValue value, int index)
    {
        switch (value)
        {
            case TfValue.Data data:
                return data.Laid;
            case TfValue.Constant constant:
                return constant.Placed ??= new(graph.Assembly.Constant($"{Name}_{index}", constant.Tensor));
            case TfValue.Folded { Value: { IsConstant: true } known }:
                return new(graph.Assembly.Constant($"{Name}_{index}", known.ToTensor()));
            case TfValue.Filled filled:
                return filled.Place(graph, Fault);
            case TfValue.Unknown unknown:
                throw unknown.Fault;
            case TfValue.Folded:
                throw Fault("computes with the batch size, which is not supported; export the model with a fixed batch");
            default:
                throw Fault($"input {index} is a {(value is TfValue.List ? "list" : "variable")} where a tensor is needed");
        }
    }

    /// <summary>The input's axes as the model has them; a dimension of k batches is -k.</summary>
    public int[] Shape(int index) => Input(index) switch
    {
        TfValue.Data data => graph.Shape(data.Laid),
        TfValue.Constant constant => constant.Tensor.Shape,
        TfValue.Folded folded => folded.Value.Shape,
        TfValue.Filled filled => Array.ConvertAll(filled.Shape, d => d.PerBatch == 0 ? (int)d.Value : d.Value == 0 ? -(int)d.PerBatch : throw Fault("reads a shape that depends on the batch in a way that is not supported")),
        _ => throw Fault($"input {index} is a variable where a tensor is needed"),
    };

    /// <summary>The input, if all of it is known: weights and other constants of any size.</summary>
    public Tensor? TryConstant(int index) => TryConstant(Input(index));

    private Tensor? TryConstant(TfValue input) => input switch
    {
        TfValue.Constant constant => constant.Tensor,
        TfValue.Data data when !data.Laid.Planar => graph.Assembly.Constant(data.Laid.Name),
        TfValue.Folded { Value: { IsConstant: true } value } => value.ToTensor(),
        _ => null,
    };

    /// <summary>The number that all elements of the input are, if they are one.</summary>
    public float? Uniform(int index) => Input(index) is TfValue.Filled filled
        ? (float?)filled.Number
        : TryConstant(index) is { Data: float[] and [var first, ..] numbers } && numbers.AsSpan().IndexOfAnyExcept(first) < 0 ? first : null;

    public Tensor Constant(int index, string what) =>
        TryConstant(index) is { } tensor
            ? tensor.Type == ElementType.Float32 ? tensor : throw Fault($"its {what} are {tensor.Type}; float32 is supported")
            : throw Fault($"its {what} are computed by the graph; only constants are supported: freeze the model");

    /// <summary>Small numbers, possibly in terms of the batch; null if the input is computed from data or large.</summary>
    public FoldedValue? Folded(int index) => Folded(Input(index));

    public FoldedValue? Folded(TfValue value) => value is TfValue.Folded folded
        ? folded.Value
        : TryConstant(value) is { } tensor ? FoldedValue.TryOf(tensor) : null;

    /// <summary>Whole numbers that are the structure of the node: axes, pads, shapes.</summary>
    public int[] Ints(int index, string what) => Folded(index) is { IsConstant: true } value
        ? Array.ConvertAll(value.Numbers, n => n.Value is >= int.MinValue and <= int.MaxValue ? (int)n.Value : throw Fault($"{what} {n.Value} is out of range"))
        : throw Fault($"its {what} are not known at import");

    public float Scalar(int index, string what) =>
        Folded(index) is { IsConstant: true, Numbers: [var number] } ? (float)number.Value : throw Fault($"its {what} is no constant number");

    public int Axis(long axis, int rank)
    {
        var index = axis < 0 ? axis + rank : axis;
        return index >= 0 && index < rank ? (int)index : throw Fault($"axis {axis} is outside a tensor of rank {rank}");
    }

    public bool Has(string attribute) => def.Attr.ContainsKey(attribute);

    public long Int(string attribute, long otherwise) => Get(attribute, ValueOneofCase.I)?.I ?? otherwise;

    public float Float(string attribute, float otherwise) => Get(attribute, ValueOneofCase.F)?.F ?? otherwise;

    public bool Flag(string attribute, bool otherwise = false) => Get(attribute, ValueOneofCase.B)?.B ?? otherwise;

    public string Text(string attribute, string otherwise) => Get(attribute, ValueOneofCase.S)?.S.ToStringUtf8() ?? otherwise;

    public int Type(string attribute) => Get(attribute, ValueOneofCase.Type)?.Type ?? 0;

    public TensorProto? Tensor(string attribute) => Get(attribute, ValueOneofCase.Tensor)?.Tensor;

    public int[]? List(string attribute) => Get(attribute, ValueOneofCase.List)?.List.I is { } values
        ? [.. values.Select(v => v is >= int.MinValue and <= int.MaxValue ? (int)v : throw Fault($"{attribute} = {v} is out of range"))]
        : null;

    public ImportFault Fault(string what) => FaultOf(def, what);

    public static ImportFault FaultOf(NodeDef def, string what) =>
        new($"node '{ModelImportException.OneLine(def.Name)}' ({ModelImportException.OneLine(def.Op)}): {what}");

    private AttrValue? Get(string attribute, ValueOneofCase wanted)
    {
        if (!def.Attr.TryGetValue(attribute, out var value) || value.ValueCase == ValueOneofCase.None)
            return null;
        return value.ValueCase == wanted
            ? value
            : throw Fault($"attribute '{ModelImportException.OneLine(attribute)}' is of type {value.ValueCase}, not {wanted}");
    }
}
