using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Inputs;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Tests.Distillation;

public sealed class DistillationLossTests
{
    static DistillationLossTests() => TorchRuntime.Prepare();

    /// <summary>KL = KL(target, others) + (1 - p_target) KL among the others (Zhao et al., 2022, equation 4), image by image.</summary>
    [Fact]
    public void Decoupled_PutTogetherAgain_IsThePlainDivergence()
    {
        using var scope = NewDisposeScope();
        var (student, teacher, labels) = Answers(32);
        for (var i = 0; i < 32; i++)
        {
            var (s, t, label) = (student.narrow(0, i, 1), teacher.narrow(0, i, 1), labels.narrow(0, i, 1));
            var (target, others) = DistillationLoss.Decoupled(s, t, label);
            var rest = 1 - t.softmax(1)[0, label.item<long>()].item<float>();
            var probabilities = t.softmax(1);
            var plain = probabilities.mul(probabilities.log().sub(nn.functional.log_softmax(s, 1))).sum().item<float>();
            Assert.Equal(plain, target.item<float>() + rest * others.item<float>(), 1e-4);
        }
    }

    [Theory]
    [InlineData(DistillationKind.Plain)]
    [InlineData(DistillationKind.Decoupled)]
    public void Of_AStudentThatAnswersAsTheTeacher_IsTheLabelsPartAlone(DistillationKind kind)
    {
        using var scope = NewDisposeScope();
        var (_, wrong, labels) = Answers(16);
        var teacher = DistillationLoss.Corrected(wrong, labels);
        var loss = new DistillationLoss(kind);
        var labelsPart = nn.functional.cross_entropy(teacher, labels).item<float>();
        // The labels' share of the plain loss is a half, and from the middle of a training on it rises to nine tenths.
        foreach (var (progress, share) in ((double, double)[])[(0, 0.5), (0.5, 0.5), (0.75, 0.7), (1, 0.9)])
            Assert.Equal(labelsPart * (kind == DistillationKind.Plain ? share : 1), loss.Of(teacher, teacher, labels, progress).item<float>(), 1e-4);
        var gradient = Of(loss, teacher, teacher, labels);
        Assert.True(gradient.isfinite().all().item<bool>());
    }

    [Fact]
    public void Corrected_ExchangesTheLabelsAnswerForTheLargest_AndNothingElse()
    {
        using var scope = NewDisposeScope();
        var (_, teacher, labels) = Answers(64);
        var corrected = DistillationLoss.Corrected(teacher, labels);

        Assert.Equal(labels.data<long>(), corrected.argmax(1).data<long>());
        Assert.Equal(teacher.sort(1).Values.ToFloats(), corrected.sort(1).Values.ToFloats());
        for (var i = 0; i < 64; i++)
        {
            var (before, after, label) = (teacher[i].ToFloats(), corrected[i].ToFloats(), (int)labels[i].item<long>());
            var top = Array.IndexOf(before, before.Max());
            Assert.Equal((before[label], before[top]), (after[top], after[label]));
            Assert.All(Enumerable.Range(0, 10).Where(c => c != label && c != top), c => Assert.Equal(before[c], after[c]));
        }
        // Of two mixed images neither label is the right one.
        var mixed = nn.functional.one_hot(labels, 10).to(float32);
        Assert.Equal(teacher.ToFloats(), DistillationLoss.Corrected(teacher, mixed).ToFloats());
    }

    /// <summary>Labels as probabilities of one class are the labels.</summary>
    [Theory]
    [InlineData(DistillationKind.Plain)]
    [InlineData(DistillationKind.Decoupled)]
    public void Of_LabelsAsProbabilities_IsTheSame(DistillationKind kind)
    {
        using var scope = NewDisposeScope();
        var (student, wrong, labels) = Answers(16);
        var teacher = DistillationLoss.Corrected(wrong, labels);
        var loss = new DistillationLoss(kind);
        var soft = nn.functional.one_hot(labels, 10).to(float32);
        Assert.Equal(loss.Of(student, teacher, labels).item<float>(), loss.Of(student, teacher, soft).item<float>(), 1e-4);
    }

    [Fact]
    public void Mixup_MixesPixelsAndLabelsAlike_TheSameWayEveryTime()
    {
        using var data = new TestData();
        using var images = LabelledImages.Open(data.Images);
        var samples = ImageSamples.Open(images, TestGraphs.Size, TestGraphs.Size, 1 << 24, _ => { }, CancellationToken.None);
        int[] all = [.. Enumerable.Range(0, samples.Count)];
        var preprocessing = new Preprocessing(TestGraphs.Size, TestGraphs.Size);
        var batches = new BatchSource(samples, all, preprocessing, Augmentation.None with { Mixup = 0.5 }, seed: 3);
        var plan = new BatchPlan(0, 0, 2, all);
        var (batch, plain) = (batches.Assemble(plan), batches.Unmixed().Assemble(plan));
        Assert.Equal(batch.Input, batches.Assemble(plan).Input);
        Assert.Null(plain.Mixed);

        var length = preprocessing.Length;
        var mixed = 0;
        for (var i = 0; i < all.Length; i++)
        {
            var (label, share) = batch.Mixed![i];
            var (own, seen) = (plain.Input.AsSpan(i * length, length).ToArray(), batch.Input.AsSpan(i * length, length).ToArray());
            if (share == 0)
            {
                Assert.Equal(own, seen);
                continue;
            }
            mixed++;
            Assert.InRange(share, 0, 0.5);
            // Some image of the label lies in it, by that share.
            Assert.Contains(all, j => samples.Labels[j] == label && own.Zip(plain.Input.AsSpan(j * length, length).ToArray(), (p, q) => MathF.Round(p + share * (q - p))).SequenceEqual(seen));
        }
        Assert.InRange((double)mixed / all.Length, 0.3, 0.7);
        using var targets = batches.Targets(batch);
        Assert.All(targets.sum(1).data<float>().ToArray(), sum => Assert.Equal(1, sum, 1e-5));
    }

    private static Tensor Of(DistillationLoss loss, Tensor student, Tensor teacher, Tensor labels)
    {
        var logits = student.clone();
        logits.requires_grad = true;
        loss.Of(logits, teacher, labels).backward();
        return logits.grad!;
    }

    /// <summary>Logits of a student and a teacher, the teacher sure of some answers, and labels.</summary>
    private static (Tensor Student, Tensor Teacher, Tensor Labels) Answers(int count)
    {
        var random = new Random(4);
        Tensor Logits(float scale) => tensor(Enumerable.Range(0, count * 10).Select(_ => (random.NextSingle() * 2 - 1) * scale).ToArray(), [count, 10]);
        return (Logits(3), Logits(12), tensor(Enumerable.Range(0, count).Select(_ => (long)random.Next(10)).ToArray()));
    }
}
