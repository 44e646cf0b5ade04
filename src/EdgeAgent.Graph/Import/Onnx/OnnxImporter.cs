using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using Google.Protobuf;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>ONNX to the graph IR: parse, order the nodes, convert each, make the batch dynamic.</summary>
internal static class OnnxImporter
{
    public const int OldestOpset = 6;

    /// <param name="path">Where the file is: external data lies beside it.</param>
    public static GraphSpec Import(byte[] bytes, string path, string name, OpenSizes open)
    {
        var model = Parse(bytes);
        new OnnxExternalData(path).Resolve(model);
        return DynamicBatch.Apply(new OnnxGraphBuilder(model, open).Build(name)).Verify();
    }

    /// <summary>The files beside the model that hold its data, each once.</summary>
    public static IReadOnlyList<string> DataFiles(byte[] bytes, string path) => new OnnxExternalData(path).Files(Parse(bytes));

    private static ModelProto Parse(byte[] bytes)
    {
        var stream = new CodedInputStream(bytes);
        var model = new ModelProto();
        try
        {
            model.MergeFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ImportFault($"is no ONNX model or is damaged at byte {stream.Position} of {bytes.Length}; copy or export it again", e);
        }
        if (model.Graph is null || model.Graph.Node.Count == 0)
            throw new ImportFault($"holds no graph in its {bytes.Length} bytes; it is no ONNX model, or cut short");
        return model;
    }
}
