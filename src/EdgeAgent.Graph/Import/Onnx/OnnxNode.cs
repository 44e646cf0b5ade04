using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>A NodeProto with its attributes by name, and the opset whose definition of the operator holds.</summary>
internal sealed class OnnxNode
{
    private readonly Dictionary<string, AttributeProto> _attributes = [];

    public OnnxNode(NodeProto proto, int index, int opset)
    {
        Proto = proto;
        Opset = opset;
        Name = proto.Name.Length > 0 ? proto.Name : $"{proto.OpType}_{index}";
        foreach (var attribute in proto.Attribute)
            _attributes[attribute.Name] = attribute;
    }

    public NodeProto Proto { get; }

    public int Opset { get; }

    public string Name { get; }

    public string Op => Proto.OpType;

    /// <summary>How errors name the node.</summary>
    public string Place => $"node '{ModelImportException.OneLine(Name)}' ({ModelImportException.OneLine(Op)})";

    /// <summary>The name of input <paramref name="index"/>, empty if the node does not have it.</summary>
    public string Input(int index) => index < Proto.Input.Count ? Proto.Input[index] : "";

    public string Output(int index) => index < Proto.Output.Count ? Proto.Output[index] : "";

    public bool Has(string attribute) => _attributes.ContainsKey(attribute);

    public long Int(string attribute, long otherwise) =>
        _attributes.TryGetValue(attribute, out var a) ? Typed(a, AttributeType.Int).I : otherwise;

    public int SmallInt(string attribute, int otherwise) => Narrow(Int(attribute, otherwise), attribute);

    public bool Flag(string attribute) => Int(attribute, 0) != 0;

    public float Float(string attribute, float otherwise) =>
        _attributes.TryGetValue(attribute, out var a) ? Typed(a, AttributeType.Float).F : otherwise;

    public string String(string attribute, string otherwise) =>
        _attributes.TryGetValue(attribute, out var a) ? Typed(a, AttributeType.String).S.ToStringUtf8() : otherwise;

    public long[]? Ints(string attribute) =>
        _attributes.TryGetValue(attribute, out var a) ? [.. Typed(a, AttributeType.Ints).Ints] : null;

    public int[]? SmallInts(string attribute) => Ints(attribute) is { } values ? Narrow(values, attribute) : null;

    public float[]? Floats(string attribute) =>
        _attributes.TryGetValue(attribute, out var a) ? [.. Typed(a, AttributeType.Floats).Floats] : null;

    public string[]? Strings(string attribute) =>
        _attributes.TryGetValue(attribute, out var a) ? [.. Typed(a, AttributeType.Strings).Strings.Select(s => s.ToStringUtf8())] : null;

    public TensorProto? Stored(string attribute) => _attributes.TryGetValue(attribute, out var a) ? Typed(a, AttributeType.Tensor).T : null;

    public Tensor? Tensor(string attribute) => Stored(attribute) is { } proto ? OnnxTensors.Read(proto) : null;

    public GraphProto? Subgraph(string attribute) => _attributes.TryGetValue(attribute, out var a) ? Typed(a, AttributeType.Graph).G : null;

    public ImportFault Fault(string what) => new($"{Place}: {what}");

    public int[] Narrow(long[] values, string what) => Array.ConvertAll(values, v => Narrow(v, what));

    private int Narrow(long value, string what) =>
        value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Fault($"{what} = {value} is out of range");

    private AttributeProto Typed(AttributeProto attribute, AttributeType wanted)
    {
        if (attribute.RefAttrName.Length > 0)
            throw Fault($"attribute '{ModelImportException.OneLine(attribute.Name)}' refers to one of a function, and the node is in none");
        // Old writers leave the type out; a wrong one means a damaged file.
        return attribute.Type == wanted || attribute.Type == AttributeType.Undefined
            ? attribute
            : throw Fault($"attribute '{ModelImportException.OneLine(attribute.Name)}' is of type {attribute.Type}, not {wanted}");
    }
}
