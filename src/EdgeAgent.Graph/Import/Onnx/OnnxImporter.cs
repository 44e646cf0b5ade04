using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using Google.Protobuf;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>ONNX to the graph IR: parse, order the nodes, convert each, make the batch dynamic.</summary>
internal static class OnnxImporter
{
    public const int OldestOpset = 7;

    public static GraphSpec Import(byte[] bytes, string path)
    {
        var model = Parse(bytes, path);
        try
        {
            new OnnxExternalData(path).Resolve(model);
            var graph = new OnnxGraphBuilder(model).Build(System.IO.Path.GetFileNameWithoutExtension(path));
            return DynamicBatch.Apply(graph).Verify();
        }
        catch (Exception e) when (e is OnnxFault or InvalidGraphException or OverflowException or ShapeInference.ShapeFault or DivideByZeroException or ArgumentException or NotSupportedException)
        {
            throw new ModelImportException(path, e.Message, e);
        }
    }

    private static ModelProto Parse(byte[] bytes, string path)
    {
        var stream = new CodedInputStream(bytes);
        var model = new ModelProto();
        try
        {
            model.MergeFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ModelImportException(path, $"is no ONNX model or is damaged at byte {stream.Position} of {bytes.Length}; copy or export it again", e);
        }
        if (model.Graph is null || model.Graph.Node.Count == 0)
            throw new ModelImportException(path, $"holds no graph in its {bytes.Length} bytes; it is no ONNX model, or cut short");
        return model;
    }
}
