using System.Diagnostics;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using TorchSharp;

namespace EdgeAgent.Compression.Passes;

/// <summary>Seconds that a step takes on this machine now, on weights that are thrown away afterwards.</summary>
internal static class StepTimes
{
    /// <summary>A training step of the given students together.</summary>
    /// <param name="teacherAt">Position of the one that learns from the labels.</param>
    public static double Train(TrainableTeacher teacher, IReadOnlyList<StudentShape> shapes, RunInputs inputs, int batchSize, RunClock clock, CancellationToken cancellation, int? teacherAt = null)
    {
        using var weights = teacher.Weights(shapes);
        var trainee = JointStudents.Of(weights, new DistillationLoss(), TorchRuntime.HasBfloat16, teacherAt);
        using var optimizer = new Sgd(trainee.Trained, 0.9, 0);
        return Fastest(inputs, batchSize, clock, cancellation, (input, labels) =>
        {
            var answer = torch.zeros([labels.shape[0], inputs.Classes.Count]);
            trainee.Step(new StepInput(input, answer, labels, 0));
            optimizer.Step(0, 1);
        });
    }

    /// <summary>The frozen teacher's answer to a batch.</summary>
    public static double Forward(RunInputs inputs, int batchSize, RunClock clock, CancellationToken cancellation)
    {
        using var targets = new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training, inputs.Classes.Count, crops: 0);
        return Fastest(inputs, batchSize, clock, cancellation, (input, _) => targets.For(new BatchPlan(0, 0, 0, []), input, out var _));
    }

    /// <summary>The first run compiles kernels and fills the heap; of the others the fastest says what the machine can do.</summary>
    private static double Fastest(RunInputs inputs, int batchSize, RunClock clock, CancellationToken cancellation, Action<torch.Tensor, torch.Tensor> step)
    {
        var batch = inputs.Training.Assemble(new BatchPlan(0, 0, 0, inputs.Training.Order(0)[..batchSize]));
        var best = double.PositiveInfinity;
        var limit = clock.Elapsed + clock.Budget * 0.01;
        for (var i = 0; i < 4 && (i < 2 || clock.Elapsed < limit); i++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var input = inputs.Training.Tensor(batch);
            var labels = torch.tensor(batch.Labels);
            var start = Stopwatch.GetTimestamp();
            step(input, labels);
            if (i > 0)
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }
}
