using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>TensorFlow Lite to the graph IR: read the tables, convert each operator, make the batch dynamic, drop transposes.</summary>
internal static class TfLiteImporter
{
    public static GraphSpec Import(byte[] bytes, string name, OpenSizes open) =>
        CancelTransposes.Apply(DynamicBatch.Apply(new TfLiteGraphBuilder(TfLiteModel.Read(bytes), open).Build(name).Verify())).Verify();
}
