using EdgeAgent.Compression.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>
/// What a student learns from: (1 - w) cross-entropy with the labels + w T^2 KL(teacher || student), both softened by the
/// temperature T (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015).
/// </summary>
public sealed record DistillationLoss(double Temperature = 4, double TeacherWeight = 0.9)
{
    /// <param name="logits">Student, [N, classes], float32.</param>
    /// <param name="teacher">Teacher's logits for the same pixels, without gradient.</param>
    /// <param name="labels">[N], int64.</param>
    public Tensor Of(Tensor logits, Tensor teacher, Tensor labels)
    {
        var soft = teacher.detach().Over(Temperature).softmax(1);
        var student = nn.functional.log_softmax(logits.Over(Temperature), 1);
        var divergence = nn.functional.kl_div(student, soft, log_target: false, reduction: nn.Reduction.Sum).Over(logits.shape[0]);
        var error = nn.functional.cross_entropy(logits, labels);
        return error.Times(1 - TeacherWeight).Plus(divergence.Times(TeacherWeight * Temperature * Temperature));
    }
}
