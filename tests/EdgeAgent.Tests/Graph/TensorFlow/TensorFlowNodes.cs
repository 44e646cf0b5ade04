using System.Runtime.InteropServices;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>Frozen graphs node by node, and what reading them gives.</summary>
internal static class TensorFlowNodes
{
    public static GraphSpec Import(params NodeDef[] nodes) => Import(GraphDef.Parser.ParseFrom(Bytes(nodes)));

    public static GraphSpec Import(GraphDef graph)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("graph.pb"), graph.ToByteArray());
        return ModelImporter.Load(folder.File("graph.pb"));
    }

    public static string Refused(params NodeDef[] nodes) => DamagedFile.LoadOrRefuse("graph.pb", Bytes(nodes)) ?? throw new Xunit.Sdk.XunitException("the graph was accepted");

    public static byte[] Bytes(NodeDef[] nodes)
    {
        var graph = new GraphDef();
        graph.Node.AddRange(nodes);
        return graph.ToByteArray();
    }

    public static NodeDef Placeholder(string name, int[] shape) =>
        Node(name, "Placeholder", [], ("dtype", new() { Type = (int)TfType.Float }), ("shape", new() { Shape = BundleWriter.Shape([-1, .. shape[1..]]) }));

    public static NodeDef Constant(string name, Tensor value) => Node(name, "Const", [], ("value", new()
    {
        Tensor = new() { Dtype = (int)TfType.Float, TensorShape = BundleWriter.Shape(value.Shape), TensorContent = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(value.Floats)) },
    }));

    public static NodeDef Ints(string name, int[] values) => Ints(name, values, [values.Length]);

    public static NodeDef Ints(string name, int[] values, params int[] shape)
    {
        var tensor = new TensorProto { Dtype = (int)TfType.Int32, TensorShape = BundleWriter.Shape(shape) };
        tensor.IntVal.AddRange(values);
        return Node(name, "Const", [], ("value", new() { Tensor = tensor }));
    }

    public static AttrValue Text(string text) => new() { S = ByteString.CopyFromUtf8(text) };

    public static AttrValue List(params long[] values)
    {
        var list = new AttrValue.Types.ListValue();
        list.I.AddRange(values);
        return new() { List = list };
    }

    public static NodeDef Node(string name, string op, string[] inputs, params (string Name, AttrValue Value)[] attributes)
    {
        var node = new NodeDef { Name = name, Op = op };
        node.Input.AddRange(inputs);
        foreach (var (attribute, value) in attributes)
            node.Attr.Add(attribute, value);
        return node;
    }
}
