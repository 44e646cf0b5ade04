using EdgeAgent.Compression.Data;
using TorchSharp;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Top-1 of a graph on libtorch, for choices within training; what is reported of files is measured on the files.</summary>
public static class TorchAccuracy
{
    public static double Top1(TorchGraph graph, ParameterLookup parameters, BatchSource batches, CancellationToken cancellation, int limit = int.MaxValue, ValueTap? tap = null)
    {
        var right = Right(graph, parameters, batches, cancellation, limit, tap);
        return right.Length == 0 ? 0 : right.Count(r => r) / (double)right.Length;
    }

    /// <summary>For each image in order whether it is classified right.</summary>
    public static bool[] Right(TorchGraph graph, ParameterLookup parameters, BatchSource batches, CancellationToken cancellation, int limit = int.MaxValue, ValueTap? tap = null)
    {
        using var _ = torch.no_grad();
        var right = new List<bool>();
        foreach (var batch in batches.Sequential(250, limit, cancellation))
        {
            using var scope = torch.NewDisposeScope();
            var classes = graph.Run(batches.Tensor(batch), parameters, training: false, tap).argmax(1);
            right.AddRange(classes.eq(torch.tensor(batch.Labels)).data<bool>().ToArray());
        }
        return [.. right];
    }
}
