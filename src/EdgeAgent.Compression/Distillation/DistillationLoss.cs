using EdgeAgent.Compression.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>How a student's answer is compared with the teacher's.</summary>
public enum DistillationKind
{
    /// <summary>
    /// (1 - w) cross-entropy + w T^2 KL(teacher || student) (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015), w falling
    /// in the second half of a training: what a teacher knows helps most in the beginning, and holds back a student that has
    /// come as far as it (Cho and Hariharan, "On the Efficacy of Knowledge Distillation", 2019).
    /// </summary>
    Plain,

    /// <summary>
    /// Cross-entropy + T^2 (KL between target class and all others + 8 KL among the others) (Zhao et al., "Decoupled Knowledge
    /// Distillation", 2022): a teacher that is sure of its answer teaches through the other classes, which the plain loss then weighs
    /// with almost nothing.
    /// </summary>
    Decoupled,
}

/// <summary>What a student learns from: the labels, and the teacher's answers softened by the temperature T.</summary>
/// <param name="TeacherWeight">Of the plain loss: the teacher's share in the first half of the training; the rest is the labels'.</param>
/// <param name="LastTeacherWeight">And at its end.</param>
/// <param name="OtherWeight">Of the decoupled loss: weight of the classes beside the target.</param>
public sealed record DistillationLoss(DistillationKind Kind = DistillationKind.Plain, double Temperature = 4, double TeacherWeight = 0.5, double LastTeacherWeight = 0.1, double OtherWeight = 8)
{
    /// <summary>Added to a logit that shall not take part in a softmax.</summary>
    private const double Excluded = -1e9;

    /// <param name="logits">Student, [N, classes], float32.</param>
    /// <param name="teacher">Teacher's logits for the same pixels, without gradient.</param>
    /// <param name="labels">[N] int64, or [N, classes] probabilities where images are mixed.</param>
    /// <param name="progress">Of the training, in [0, 1].</param>
    public Tensor Of(Tensor logits, Tensor teacher, Tensor labels, double progress = 0)
    {
        var error = nn.functional.cross_entropy(logits, labels);
        var (student, soft) = (logits.Over(Temperature), Corrected(teacher.detach(), labels).Over(Temperature));
        var squared = Temperature * Temperature;
        if (Kind == DistillationKind.Plain)
        {
            var share = ShareAt(progress);
            return error.Times(1 - share).Plus(Divergence(soft.softmax(1), nn.functional.log_softmax(student, 1)).Times(share * squared));
        }
        var (target, others) = Decoupled(student, soft, labels);
        return error.Plus(target.Plus(others.Times(OtherWeight)).Times(squared));
    }

    /// <summary>The teacher's share of the plain loss: the same for the first half of a training, then falling evenly.</summary>
    private double ShareAt(double progress) => TeacherWeight + (LastTeacherWeight - TeacherWeight) * Math.Max(0, 2 * progress - 1);

    /// <summary>
    /// The teacher's answers, of which the wrong ones have their largest value and that of the label in each other's place (Wen et al.,
    /// "Preparing Lessons: Improve Knowledge Distillation with Better Supervision", 2021): a student shall learn what resembles what, and not its
    /// teacher's mistakes. Mixed images have no one right answer, and keep theirs.
    /// </summary>
    public static Tensor Corrected(Tensor teacher, Tensor labels)
    {
        if (labels.dim() != 1)
            return teacher;
        var (label, top) = (labels.unsqueeze(1), teacher.argmax(1, keepdim: true));
        return teacher.scatter(1, top, teacher.gather(1, label)).scatter(1, label, teacher.gather(1, top));
    }

    /// <summary>KL(teacher || student), mean over the batch, of the pair (target class, all others), and among the others.</summary>
    public static (Tensor Target, Tensor Others) Decoupled(Tensor student, Tensor teacher, Tensor labels)
    {
        var target = (labels.dim() == 1 ? labels : labels.argmax(1)).unsqueeze(1);
        var exclude = zeros_like(teacher).scatter(1, target, Full(target, Excluded));
        Tensor Pair(Tensor logits)
        {
            var all = logits.logsumexp(1, keepdim: true);
            return cat([logits.gather(1, target).sub(all), logits.Plus(exclude).logsumexp(1, keepdim: true).sub(all)], 1);
        }
        var pair = Divergence(Pair(teacher).exp(), Pair(student));
        var others = Divergence(teacher.Plus(exclude).softmax(1), nn.functional.log_softmax(student.Plus(exclude), 1));
        return (pair, others);
    }

    /// <summary>sum p (log p - log q) / N.</summary>
    private static Tensor Divergence(Tensor probabilities, Tensor logarithms) =>
        nn.functional.kl_div(logarithms, probabilities, log_target: false, reduction: nn.Reduction.Sum).Over(probabilities.shape[0]);

    private static Tensor Full(Tensor like, double value) => TensorArithmetic.Full(like.shape, value);
}
