using System.IO.Compression;
using System.Text.Json.Serialization;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Pruning;

/// <summary>What zeros bring: the file compresses, the time stays.</summary>
/// <param name="Zeros">Share of the weights of convolutions and dense layers that are zero.</param>
/// <param name="CompressedBytes">The file after gzip.</param>
/// <param name="DenseCompressedBytes">The same model before its weights were zeroed, after gzip.</param>
/// <param name="P50Us">Median latency, against <paramref name="DenseP50Us"/> of the same model without zeros, interleaved.</param>
public sealed record SparsityReport(double Zeros, long CompressedBytes, long DenseCompressedBytes, double P50Us, double DenseP50Us)
{
    [JsonIgnore]
    public double TimesSmallerCompressed => (double)DenseCompressedBytes / CompressedBytes;

    [JsonIgnore]
    public double TimesFaster => DenseP50Us / P50Us;

    /// <summary>Measures the sparse file against the dense one.</summary>
    /// <param name="graph">What the sparse file holds.</param>
    internal static SparsityReport Of(GraphSpec graph, string sparse, string dense, BatchSource images, CancellationToken cancellation)
    {
        var weights = graph.Nodes.Where(n => n.Op is Conv or Gemm or MatMul).Select(n => n.Inputs[1]).Where(graph.Constants.ContainsKey).Distinct().Select(n => graph.Constants[n]).ToArray();
        var zeros = weights.Sum(w => (long)w.Floats.AsSpan().Count(0f));
        var us = OnnxModel.MediansUs(images, cancellation, sparse, dense);
        return new SparsityReport((double)zeros / weights.Sum(w => (long)w.Count), Compressed(sparse), Compressed(dense), us[0], us[1]);
    }

    private static long Compressed(string path)
    {
        using var counted = new MemoryStream();
        using (var gzip = new GZipStream(counted, CompressionLevel.Optimal, leaveOpen: true))
        using (var file = File.OpenRead(path))
            file.CopyTo(gzip);
        return counted.Length;
    }
}
