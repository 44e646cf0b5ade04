using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Graph.Export.TfLite;

/// <summary>
/// Model out: writes a graph as TensorFlow Lite, float32, or, for a QDQ graph, with the integer operators that it stands for.
/// Images have their channels last in the file, as all of its operators do: an image input [N, C, H, W] of the graph is
/// [N, H, W, C] there, and an image output too.
/// </summary>
public static class TfLiteExporter
{
    /// <summary>Writes <paramref name="graph"/> to <paramref name="path"/>, reads the file back and compares both graphs' outputs.</summary>
    /// <exception cref="InvalidGraphException">An operator cannot be written (the message names the node), or what was read back computes something else.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public static void Write(GraphSpec graph, string path)
    {
        var writer = new TfLiteGraphWriter(Prepared(graph));
        var bytes = writer.Write();
        var partial = path + ".partial";
        try
        {
            File.WriteAllBytes(partial, bytes);
            ExportCheck.CompareWithLayouts(graph, ModelImporter.Load(partial), writer.IsChannelsLast);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <summary>The file's content; the same graph gives the same bytes.</summary>
    /// <exception cref="InvalidGraphException">An operator cannot be written; the message names the node.</exception>
    public static byte[] ToBytes(GraphSpec graph) => new TfLiteGraphWriter(Prepared(graph)).Write();

    /// <summary>Dense layers as Gemm with bias, batch-norm folded, one axis as two, recurrent layers as LSTMs or steps, and what the format lacks composed; a QDQ graph is what it is.</summary>
    private static GraphSpec Prepared(GraphSpec graph)
    {
        graph.Verify();
        if (graph.Nodes.Any(n => n.Op is QuantizeLinear))
            return graph;
        graph = Simplification.Apply(graph);
        graph = UnrollRecurrences.Apply(graph, keepsLstm: true).Verify();
        graph = FuseGelu.Apply(graph).Verify();
        graph = DenseToGemm.Apply(graph).Verify();
        graph = FoldBatchNorm.Apply(graph).Verify();
        graph = WidenToImages.Apply(graph).Verify();
        return ComposeOperators.Apply(graph).Verify();
    }
}
