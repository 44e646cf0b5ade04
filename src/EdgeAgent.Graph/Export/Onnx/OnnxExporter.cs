using System.Globalization;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;

namespace EdgeAgent.Graph.Export.Onnx;

/// <summary>
/// Model out: writes a graph as ONNX, float or QDQ. Files are compact (short inner names, equal constants stored once,
/// no value infos or doc strings), because their size is what a device downloads.
/// </summary>
public static class OnnxExporter
{
    // TensorRT 8.2 on the oldest boards reads up to opset 13; per-axis quantization begins there.
    private const int Opset = 13;
    private const int HardSwishOpset = 14;
    private const int LayerNormalizationOpset = 17;
    private const int IrVersion = 8;

    /// <summary>Writes <paramref name="graph"/> to <paramref name="path"/>, reads the file back and compares both graphs' outputs.</summary>
    /// <exception cref="InvalidGraphException">The graph is not well formed, or what was read back computes something else.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public static void Write(GraphSpec graph, string path)
    {
        graph = WithTiesToEven(graph);
        var bytes = ToBytes(graph);
        var partial = path + ".partial";
        try
        {
            File.WriteAllBytes(partial, bytes);
            ExportCheck.Compare(graph, ModelImporter.Load(partial));
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <summary>The ONNX file's content; the same graph gives the same bytes.</summary>
    /// <exception cref="InvalidGraphException">The graph is not well formed.</exception>
    public static byte[] ToBytes(GraphSpec graph)
    {
        graph.Verify();
        var names = new OnnxNames(graph);
        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "EdgeAgent",
            Graph = new GraphProto { Name = graph.Name },
        };
        var opset = graph.Nodes.Select(n => n.Op is LayerNormalization ? LayerNormalizationOpset : n.Op is HardSwish ? HardSwishOpset : Opset).Append(Opset).Max();
        model.OpsetImport.Add(new OperatorSetIdProto { Version = opset });
        foreach (var (key, value) in graph.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            if (key != "producer")
                model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        var constants = new OnnxConstants(model.Graph, names);
        foreach (var input in graph.Inputs)
            model.Graph.Input.Add(ValueInfo(input));
        foreach (var node in graph.Nodes)
            model.Graph.Node.Add(OnnxNodeWriter.Write(node, graph, constants));
        var shapes = ShapeInference.Infer(graph, -1);
        foreach (var output in graph.Outputs)
            model.Graph.Output.Add(ValueInfo(shapes[output.Name]));
        return model.ToByteArray();
    }

    /// <summary>ONNX has one way to round; the difference is a step where a value lies exactly in the middle.</summary>
    private static GraphSpec WithTiesToEven(GraphSpec graph) =>
        graph with { Nodes = [.. graph.Nodes.Select(n => n.Op is QuantizeLinear { TiesAwayFromZero: true } q ? n with { Op = q with { TiesAwayFromZero = false } } : n)] };

    private static ValueInfoProto ValueInfo(ValueSpec value)
    {
        var shape = new TensorShapeProto();
        foreach (var dimension in value.Shape)
            shape.Dim.Add(dimension switch
            {
                -1 => new TensorShapeProto.Types.Dimension { DimParam = "N" },
                < 0 => new TensorShapeProto.Types.Dimension { DimParam = string.Create(CultureInfo.InvariantCulture, $"{-dimension}N") },
                _ => new TensorShapeProto.Types.Dimension { DimValue = dimension },
            });
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)OnnxTensors.TypeOf(value.Type), Shape = shape };
        return new() { Name = value.Name, Type = new TypeProto { TensorType = tensor } };
    }
}
