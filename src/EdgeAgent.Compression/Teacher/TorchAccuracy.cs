using EdgeAgent.Compression.Data;
using TorchSharp;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Top-1 of a graph on libtorch, for choices within training; what is reported of files is measured on the files.</summary>
public static class TorchAccuracy
{
    public static double Top1(TorchGraph graph, ParameterLookup parameters, BatchSource batches, CancellationToken cancellation, int limit = int.MaxValue, ValueTap? tap = null)
    {
        using var _ = torch.no_grad();
        long right = 0, count = 0;
        foreach (var batch in batches.Sequential(250, limit, cancellation))
        {
            using var scope = torch.NewDisposeScope();
            var classes = graph.Run(batches.Tensor(batch), parameters, training: false, tap).argmax(1);
            right += classes.eq(torch.tensor(batch.Labels)).sum().item<long>();
            count += batch.Labels.Length;
        }
        return count == 0 ? 0 : (double)right / count;
    }
}
