using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using TorchSharp;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// All students of a family as one trainee: each sees every image of every step, one after the other so that only one's
/// activations are in memory, and their gradients meet in the shared weights.
/// </summary>
public static class JointStudents
{
    public static Trainee Of(SharedWeights weights, DistillationLoss loss, bool bfloat16)
    {
        var executors = weights.Graphs.Select(g => new TorchGraph(g, bfloat16)).ToArray();
        var lookups = Enumerable.Range(0, executors.Length).Select(weights.Student).ToArray();
        var trained = weights.Trained.Select(t => t.Name).ToHashSet();
        return new Trainee(weights.Trained, weights.State.Where(s => !trained.Contains(s.Name)), input =>
        {
            var sum = 0.0;
            for (var s = 0; s < executors.Length; s++)
            {
                using var scope = torch.NewDisposeScope();
                var logits = executors[s].Run(input.Input, lookups[s], training: true);
                var error = loss.Of(logits, input.Teacher!, input.Labels);
                error.backward();
                sum += error.item<float>();
            }
            return sum / executors.Length;
        });
    }
}
