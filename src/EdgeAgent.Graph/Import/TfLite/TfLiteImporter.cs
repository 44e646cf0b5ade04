using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>TensorFlow Lite to the graph IR: read the tables, convert each operator, make the batch dynamic, drop transposes.</summary>
internal static class TfLiteImporter
{
    public static GraphSpec Import(byte[] bytes, string path)
    {
        try
        {
            var graph = new TfLiteGraphBuilder(TfLiteModel.Read(bytes)).Build(Path.GetFileNameWithoutExtension(path));
            return CancelTransposes.Apply(DynamicBatch.Apply(graph.Verify())).Verify();
        }
        catch (Exception e) when (e is TfLiteFault or InvalidGraphException or OverflowException or ShapeInference.ShapeFault or DivideByZeroException or ArgumentException or NotSupportedException)
        {
            throw new ModelImportException(path, e.Message, e);
        }
    }
}
