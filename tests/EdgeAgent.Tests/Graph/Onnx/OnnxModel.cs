using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>The value of a node's attribute that is one of the function that the node is in.</summary>
internal sealed record OfFunction(string Name, AttributeType Type);

/// <summary>Writes ONNX files node by node, as any exporter of any opset would.</summary>
internal sealed class OnnxModel
{
    private readonly ModelProto _model = new() { IrVersion = 7, Graph = new GraphProto { Name = "g" } };

    public OnnxModel(int opset) => _model.OpsetImport.Add(new OperatorSetIdProto { Version = opset });

    public GraphProto Graph => _model.Graph;

    public OnnxModel Input(string name, params object[] shape)
    {
        Graph.Input.Add(Value(name, shape));
        return this;
    }

    public OnnxModel Output(params string[] names)
    {
        foreach (var name in names)
            Graph.Output.Add(new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float } } });
        return this;
    }

    public OnnxModel Node(string op, string inputs, string outputs, params (string Name, object Value)[] attributes)
    {
        var dot = op.LastIndexOf('.');
        var node = new NodeProto { OpType = op[(dot + 1)..], Domain = op[..Math.Max(0, dot)], Name = $"{op}_{Graph.Node.Count}" };
        if (dot > 0 && _model.OpsetImport.All(o => o.Domain != node.Domain))
            _model.OpsetImport.Add(new OperatorSetIdProto { Domain = node.Domain, Version = 1 });
        if (inputs.Length > 0)
            node.Input.AddRange(inputs.Split(',', StringSplitOptions.TrimEntries));
        node.Output.AddRange(outputs.Split(',', StringSplitOptions.TrimEntries));
        node.Attribute.AddRange(attributes.Select(a => Attribute(a.Name, a.Value)));
        Graph.Node.Add(node);
        return this;
    }

    public OnnxModel Floats(string name, float[] values, params long[] dims) => Initializer(name, DataType.Float, dims, t => t.FloatData.AddRange(values));

    public OnnxModel Longs(string name, params long[] values) => Initializer(name, DataType.Int64, [values.Length], t => t.Int64Data.AddRange(values));

    public OnnxModel Initializer(string name, DataType type, long[] dims, Action<TensorProto> fill)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type };
        tensor.Dims.AddRange(dims);
        fill(tensor);
        Graph.Initializer.Add(tensor);
        return this;
    }

    /// <summary>A function of the file: inputs, nodes, outputs and opsets of <paramref name="body"/>.</summary>
    public OnnxModel Function(string name, OnnxModel body, params (string Name, object? Default)[] attributes)
    {
        var dot = name.LastIndexOf('.');
        var function = new FunctionProto { Name = name[(dot + 1)..], Domain = name[..dot] };
        function.Input.AddRange(body.Graph.Input.Select(i => i.Name));
        function.Output.AddRange(body.Graph.Output.Select(o => o.Name));
        function.Node.AddRange(body.Graph.Node);
        function.OpsetImport.AddRange(body._model.OpsetImport);
        function.Attribute.AddRange(attributes.Where(a => a.Default is null).Select(a => a.Name));
        function.AttributeProto.AddRange(attributes.Where(a => a.Default is not null).Select(a => Attribute(a.Name, a.Default!)));
        _model.Functions.Add(function);
        // A model names the domains that its functions call, too.
        _model.OpsetImport.AddRange(body._model.OpsetImport.Where(o => _model.OpsetImport.All(own => own.Domain != o.Domain)).ToList());
        _model.IrVersion = 9;
        return this;
    }

    public byte[] ToBytes() => _model.ToByteArray();

    public GraphSpec Load()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.onnx"), ToBytes());
        return ModelImporter.Load(folder.File("model.onnx"));
    }

    /// <summary>Imports the model and compares it with ONNX Runtime on random input.</summary>
    /// <param name="tolerance">Absolute.</param>
    public GraphSpec AssertAgrees(int batch = 2, float tolerance = 1e-4f)
    {
        var graph = Load();
        var inputs = TestGraph.Inputs(graph, batch);
        var expected = OnnxRuntimeReference.Run(ToBytes(), inputs);
        var actual = new EdgeAgent.Graph.Evaluation.GraphInterpreter(graph).Run(inputs);
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.Shape, actual[name].Shape);
            Assert.All(tensor.Floats.Zip(actual[name].Floats), p => Assert.InRange(p.Second, p.First - tolerance, p.First + tolerance));
        }
        return graph;
    }

    public static ValueInfoProto Value(string name, object[] shape)
    {
        var proto = new TensorShapeProto();
        foreach (var dimension in shape)
            proto.Dim.Add(dimension switch
            {
                string parameter => new TensorShapeProto.Types.Dimension { DimParam = parameter },
                long size => new TensorShapeProto.Types.Dimension { DimValue = size },
                int size => new TensorShapeProto.Types.Dimension { DimValue = size },
                _ => throw new ArgumentException($"{dimension} is no dimension"),
            });
        return new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Float, Shape = proto } } };
    }

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case int i:
                (attribute.Type, attribute.I) = (AttributeType.Int, i);
                break;
            case float f:
                (attribute.Type, attribute.F) = (AttributeType.Float, f);
                break;
            case string s:
                (attribute.Type, attribute.S) = (AttributeType.String, ByteString.CopyFromUtf8(s));
                break;
            case int[] ints:
                attribute.Type = AttributeType.Ints;
                attribute.Ints.AddRange(ints.Select(i => (long)i));
                break;
            case float[] floats:
                attribute.Type = AttributeType.Floats;
                attribute.Floats.AddRange(floats);
                break;
            case string[] strings:
                attribute.Type = AttributeType.Strings;
                attribute.Strings.AddRange(strings.Select(ByteString.CopyFromUtf8));
                break;
            case OfFunction given:
                (attribute.Type, attribute.RefAttrName) = (given.Type, given.Name);
                break;
            case GraphProto graph:
                (attribute.Type, attribute.G) = (AttributeType.Graph, graph);
                break;
            case TensorProto tensor:
                (attribute.Type, attribute.T) = (AttributeType.Tensor, tensor);
                break;
            default:
                throw new ArgumentException($"no attribute type for {value}");
        }
        return attribute;
    }
}
