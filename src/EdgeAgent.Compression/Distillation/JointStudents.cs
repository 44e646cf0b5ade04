using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Teacher;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// All students of a family as one trainee: each sees every image of every step, one after the other so that only one's
/// activations are in memory; gradients of several meet in the weights that they share.
/// </summary>
public static class JointStudents
{
    /// <summary>Softens the labels of a large model that is trained along.</summary>
    private const double LabelSmoothing = 0.1;

    /// <param name="teacher">
    /// Position of the student that is the teacher's trainable copy: it learns from the labels, the others from its detached
    /// answers to the same pixels. Null: the step's input brings a frozen teacher's answers.
    /// </param>
    public static Trainee Of(StudentWeights weights, DistillationLoss loss, bool bfloat16, int? teacher = null)
    {
        var executors = weights.Graphs.Select(g => new TorchGraph(g, bfloat16)).ToArray();
        var lookups = Enumerable.Range(0, executors.Length).Select(weights.Student).ToArray();
        return new Trainee(weights.Trained, weights.StateBeside(weights.Trained), input =>
        {
            var answer = input.Teacher;
            if (teacher is { } own)
            {
                using var scope = NewDisposeScope();
                var logits = executors[own].Run(input.Input, lookups[own], training: true);
                nn.functional.cross_entropy(logits, input.Labels, label_smoothing: LabelSmoothing).backward();
                answer = logits.detach().MoveToOuterDisposeScope();
            }
            var sum = 0.0;
            var students = 0;
            for (var s = 0; s < executors.Length; s++)
            {
                if (s == teacher)
                    continue;
                using var scope = NewDisposeScope();
                var logits = executors[s].Run(input.Input, lookups[s], training: true);
                var error = loss.Of(logits, answer!, input.Labels, input.Progress);
                error.backward();
                sum += error.item<float>();
                students++;
            }
            return sum / Math.Max(1, students);
        });
    }
}
