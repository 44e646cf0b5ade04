using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using TorchSharp;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// Measures a student's batch-norm statistics anew for its final weights: the running averages of training lag behind the
/// weights. Plain averages over a fixed number of augmented batches.
/// </summary>
public static class BatchNormStatistics
{
    private const int Batches = 40;

    public static void Measure(StudentWeights weights, int student, BatchSource images, int batchSize, bool bfloat16, CancellationToken cancellation)
    {
        images = images.Unmixed();
        var size = Math.Min(batchSize, images.Count);
        var count = Math.Min(Batches, images.Count / size);
        Measure(new TorchGraph(weights.Graphs[student], bfloat16), weights.Student(student), images.Tensors(images.Sample(int.MaxValue, count * size, size, cancellation, view: int.MaxValue)));
    }

    /// <summary>Leaves in the parameters' running statistics the means of those of the batches, each layer normalised by the batch's own.</summary>
    public static void Measure(TorchGraph graph, ParameterLookup parameters, IEnumerable<torch.Tensor> batches)
    {
        using var _ = torch.no_grad();
        var done = 0;
        foreach (var batch in batches)
        {
            using var scope = torch.NewDisposeScope();
            // A momentum of 1/n makes the running value the mean of the first n.
            graph.BatchNormMomentum = 1.0 / ++done;
            graph.Run(batch, parameters, training: true);
        }
    }
}
