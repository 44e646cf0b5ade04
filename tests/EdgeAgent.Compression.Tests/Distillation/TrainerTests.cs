using EdgeAgent.Compression.Checkpoints;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Inputs;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Distillation;

public sealed class TrainerTests : IDisposable
{
    private const int Steps = 12;

    private readonly TestData _data = new();

    static TrainerTests() => TorchRuntime.Prepare();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(11)]
    public void Run_CancelledAndResumed_EqualsAnUndisturbedRunToTheBit(int cancelAt)
    {
        var undisturbed = Train(Path.Combine(_data.Root, "whole.ckpt"), resume: false, cancelAt: null);
        var path = Path.Combine(_data.Root, "cut.ckpt");

        Assert.Throws<OperationCanceledException>(() => Train(path, resume: false, cancelAt));
        Assert.Equal(cancelAt, Checkpoint.ReadHeader(path).Step);
        var resumed = Train(path, resume: true, cancelAt: null);

        Assert.Equal(undisturbed.Keys, resumed.Keys);
        Assert.All(undisturbed, w => Assert.Equal(w.Value, resumed[w.Key]));
    }

    [Fact]
    public void Run_CancelledAndResumed_TellsTheCurveOfAnUndisturbedRun()
    {
        const int steps = 60;
        var whole = RunPass(Path.Combine(_data.Root, "whole.ckpt"), resume: false, cancelAt: null, steps, out _).Curve;
        var path = Path.Combine(_data.Root, "cut.ckpt");
        Assert.Throws<OperationCanceledException>(() => RunPass(path, resume: false, cancelAt: 31, steps, out _));
        var resumed = RunPass(path, resume: true, cancelAt: null, steps, out _).Curve;

        Assert.Equal(steps, whole.Points.Count);
        Assert.Equal(whole.Points.Select(p => (p.Step, p.Loss, p.Rate)), resumed.Points.Select(p => (p.Step, p.Loss, p.Rate)));
        Assert.True(whole.HeldOut.Count > 1);
        Assert.Equal(whole.HeldOut.Select(p => (p.Step, p.Top1[0])), resumed.HeldOut.Select(p => (p.Step, p.Top1[0])));
        Assert.Equal(steps, resumed.HeldOut[^1].Step);

        // A pass that was complete when the run was cut tells its curve again.
        var again = RunPass(path, resume: true, cancelAt: null, steps, out _);
        Assert.Equal(resumed.Points, again.Curve.Points);
        Assert.Equal(whole.Points[^1].Loss, again.FinalLoss);
    }

    [Fact]
    public void Run_OfJointStudents_LowersTheLoss()
    {
        var report = RunPass(Path.Combine(_data.Root, "loss.ckpt"), resume: false, cancelAt: null, steps: 60, out _);

        Assert.True(report.Curve.Points[^1].Loss < 0.8 * report.Curve.Points[0].Loss, $"loss went from {report.Curve.Points[0].Loss} to {report.Curve.Points[^1].Loss}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(-1)]
    public void Read_OfDamagedCheckpoint_IsRefused(int at)
    {
        var path = Path.Combine(_data.Root, "damaged.ckpt");
        Train(path, resume: false, cancelAt: null);
        var bytes = File.ReadAllBytes(path);
        bytes[at < 0 ? bytes.Length + at : at] ^= 1;
        File.WriteAllBytes(path, bytes);

        var fault = Assert.Throws<InputException>(() => Checkpoint.Read(path, []));

        Assert.Contains("checkpoint", fault.Message);
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Fact]
    public void Read_OfTruncatedCheckpoint_IsRefused()
    {
        var path = Path.Combine(_data.Root, "short.ckpt");
        Train(path, resume: false, cancelAt: null);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^200]);

        Assert.Throws<InputException>(() => Checkpoint.Read(path, []));
    }

    private Dictionary<string, float[]> Train(string path, bool resume, int? cancelAt)
    {
        RunPass(path, resume, cancelAt, Steps, out var weights);
        return weights;
    }

    /// <summary>An epoch leaves a few images over; a later batch that holds one must not cost the teacher the whole batch.</summary>
    [Fact]
    public void Targets_OfABatchWithOneUnknownImage_AskForThatOneOnly()
    {
        var teacher = SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 9);
        var batches = _data.Batches();
        using var targets = new TeacherTargets(teacher, bfloat16: false, batches, TestGraphs.Classes, crops: 1);
        using var direct = new TeacherTargets(teacher, bfloat16: false, batches, TestGraphs.Classes, crops: 0);
        bool Ask(TeacherTargets from, int[] samples, out float[] answer)
        {
            var batch = batches.Assemble(new BatchPlan(0, 0, 0, samples));
            answer = from.For(batch.Plan, batches.Tensor(batch), out var asked).ToFloats();
            return asked;
        }
        Assert.Equal(batches.Count, targets.Unanswered);
        Assert.True(Ask(targets, [0, 1, 2, 3], out _));
        Assert.Equal(batches.Count - 4, targets.Unanswered);
        Assert.False(Ask(targets, [3, 9, 1], out var mixed));
        Ask(direct, [3, 9, 1], out var expected);
        Assert.Equal(expected.Select(v => Math.Round(v, 3)), mixed.Select(v => Math.Round(v, 3)));
        Assert.False(Ask(targets, [9], out var known));
        Assert.Equal(mixed[TestGraphs.Classes..(2 * TestGraphs.Classes)], known);
    }

    /// <summary>A checkpoint of each of sixteen students with all answers in it would be gigabytes.</summary>
    [Fact]
    public void Targets_OfAPass_AreInOneFileBesideItsCheckpointWhileTheyAreNeeded()
    {
        var path = Path.Combine(_data.Root, "whole.ckpt");
        Train(path, resume: false, cancelAt: null);
        var teacher = SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 9);
        var batches = _data.Batches();
        using var targets = new TeacherTargets(teacher, bfloat16: false, batches, TestGraphs.Classes, crops: 2);
        var all = targets.Unanswered;

        targets.Keep(path + ".answers", resume: true);

        Assert.True(targets.Unanswered < all);
        var written = File.GetLastWriteTimeUtc(path + ".answers");
        targets.Save();
        Assert.Equal(written, File.GetLastWriteTimeUtc(path + ".answers"));
        Assert.True(File.ReadAllBytes(path).AsSpan().IndexOf("targets/"u8) < 0, "the checkpoint holds answers");
        targets.Forget();
        Assert.False(File.Exists(path + ".answers"));
    }

    /// <summary>Views 0 and 1 are mirror images, and the teacher knows either.</summary>
    [Fact]
    public void Targets_OfAMirroredView_AreTheOtherSidesAnswer()
    {
        var teacher = SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 9);
        foreach (var batches in new[] { _data.Batches(), _data.Batches().Unflipped() })
        {
            using var targets = new TeacherTargets(teacher, bfloat16: false, batches, TestGraphs.Classes, crops: 2);
            bool Asks(int epoch, out float[] answer)
            {
                var batch = batches.Assemble(new BatchPlan(0, epoch, targets.ViewOf(epoch), [0, 1]));
                answer = targets.For(batch.Plan, batches.Tensor(batch), out var asked).ToFloats();
                return asked;
            }
            var answers = new float[4][];
            var asked = Enumerable.Range(0, 4).Select(epoch => Asks(epoch, out answers[epoch])).ToArray();
            Assert.Equal(batches.Sides == 2 ? [true, false, true, false] : [true, true, false, false], asked);
            Assert.Equal(answers[0], answers[batches.Sides == 2 ? 1 : 2]);
            Assert.NotEqual(answers[0], answers[batches.Sides]);
        }
    }

    /// <summary>The teacher's share of the loss falls: with answers that are wrong everywhere, so does the loss of the same step.</summary>
    [Fact]
    public void Step_LateInTheTraining_WeighsTheTeacherLess()
    {
        var teacher = SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 9);
        var groups = ChannelDependencies.Find(teacher);
        using var weights = new StudentWeights(teacher, groups, [new ShapeCatalogue(teacher, groups, channelMultiple: 2).At(0.5) with { Name = "half" }]);
        var batches = _data.Batches();
        var trainee = JointStudents.Of(weights, new DistillationLoss(), bfloat16: false);
        using var scope = torch.NewDisposeScope();
        var batch = batches.Assemble(new BatchPlan(0, 0, 0, [.. Enumerable.Range(0, 16)]));
        double Loss(double progress, float scale) => trainee.Step(new StepInput(
            batches.Tensor(batch), torch.tensor(Enumerable.Range(0, 16 * TestGraphs.Classes).Select(i => i % TestGraphs.Classes * scale).ToArray(), [16, TestGraphs.Classes]), batches.Targets(batch), progress));

        var (teacherEarly, teacherLate) = (Loss(0, 100) - Loss(0, 0), Loss(1, 100) - Loss(1, 0));
        Assert.True(teacherEarly > 0);
        Assert.Equal(teacherEarly / 5, teacherLate, teacherEarly * 0.01);
    }

    /// <summary>Two shared-weight students of a fixed teacher, whose answers are kept for two crops.</summary>
    private TrainingReport RunPass(string path, bool resume, int? cancelAt, int steps, out Dictionary<string, float[]> result)
    {
        var teacher = SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 8, seed: 9);
        var groups = ChannelDependencies.Find(teacher);
        var catalogue = new ShapeCatalogue(teacher, groups, channelMultiple: 2);
        using var weights = new StudentWeights(teacher, groups, [catalogue.At(0.5) with { Name = "half" }, catalogue.At(0.25) with { Name = "quarter" }]);
        var batches = _data.Batches();
        using var targets = new TeacherTargets(teacher, bfloat16: false, batches, TestGraphs.Classes, crops: 2);
        targets.Keep(path + ".answers", resume);
        using var cancellation = new CancellationTokenSource();
        var trainee = JointStudents.Of(weights, new DistillationLoss(TeacherWeight: 0.2), bfloat16: false);
        var done = resume ? (int)Checkpoint.ReadHeader(path).Step : 0;
        var counted = trainee with
        {
            Step = input =>
            {
                var loss = trainee.Step(input);
                if (++done == cancelAt)
                    cancellation.Cancel();
                return loss;
            },
        };
        var trainer = new Trainer(new RunClock(TimeProvider.System, TimeSpan.FromHours(1)), TimeProvider.System, new Progress<CompressionProgress>(), path, TimeSpan.FromHours(1), "test");
        var plan = new TrainingPlan("distil", 16, new OneCycle(0.05), 1e-4, 1, TimeSpan.FromHours(1), steps)
        {
            HeldOut = new HeldOutProbe(["half"], 32, token => [TorchAccuracy.Top1(new TorchGraph(weights.Graphs[0], bfloat16: false), weights.Student(0), batches, token, 32)]),
        };
        var report = trainer.Run(counted, batches, targets, plan, resume, 0.05, 0.05, cancellation.Token);
        result = weights.State.ToDictionary(s => s.Name, s => s.Value.ToFloats());
        return report;
    }
}
