using System.Diagnostics;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Ir;
using TorchSharp;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Turns the budget into a schedule: measures what a step costs on this machine now, on weights that are thrown away
/// afterwards, and fixes batch size and views.
/// </summary>
public static class CalibrationPass
{
    private const int LargeBatch = 256, SmallBatch = 64, MinViews = 4, MaxViews = 32;

    /// <summary>Share of the joint training that may go into asking the teacher: on small budgets more steps are worth more than more views.</summary>
    private const double TeacherShare = 0.15;

    public static StoredPlan Run(CompressionOptions options, RunInputs inputs, TeacherPass measured, TrainableTeacher teacher, FamilyPlan family, RunClock clock, CancellationToken cancellation)
    {
        // Small data sets need enough steps to learn in, large ones the efficiency of large batches.
        var batchSize = inputs.Training.Count >= 20_000 ? LargeBatch : SmallBatch;
        batchSize = Math.Min(batchSize, inputs.Training.Count);
        var full = new StudentShape("teacher", 1, [.. teacher.Groups.Select(g => g.Size)]);
        var joint = options.Teacher == TeacherMode.Joint;
        IReadOnlyList<StudentShape> shapes = joint ? [full, .. family.Shapes] : family.Shapes;

        var students = Measure(teacher, inputs, family.Shapes, null, batchSize, clock, cancellation);
        var alone = Measure(teacher, inputs, [full], 0, batchSize, clock, cancellation);
        double forward = 0, together;
        if (joint)
            together = Measure(teacher, inputs, shapes, 0, batchSize, clock, cancellation);
        else
        {
            forward = Forward(inputs, batchSize, clock, cancellation);
            together = students + forward;
        }

        var perEpoch = Math.Max(1, inputs.Training.Count / batchSize);
        var timetable = Timetable.Of(options.Budget, ClosingSeconds(inputs, measured, teacher, family));
        var available = (timetable.JointEnd - clock.Elapsed).TotalSeconds;
        var views = joint ? 0 : (int)Math.Clamp(TeacherShare * available / (perEpoch * forward), MinViews, MaxViews);
        views = Math.Min(views, TeacherTargets.MostViews(inputs.Training.Count, inputs.Classes.Count));
        var overhead = new OverheadReport(joint ? "joint" : "fixed", together * 1e6, alone * 1e6, together / alone, students * 1e6);
        return new StoredPlan(inputs.Fingerprint, shapes, family.ByProfile.ToDictionary(p => p.Key, p => (IReadOnlyList<int>)[.. p.Value.Select(i => joint ? i + 1 : i)]),
            batchSize, views, joint ? together : students, forward, overhead, timetable, clock.Elapsed.TotalSeconds);
    }

    /// <summary>
    /// What comes after training: the teacher on the test images, and every student's file on held-out and test images, in int8
    /// at about half the teacher's time for a multiply-accumulate, beside its plan and a few images of exact simulation.
    /// </summary>
    private static double ClosingSeconds(RunInputs inputs, TeacherPass measured, TrainableTeacher teacher, FamilyPlan family)
    {
        const double int8Share = 0.5, formats = 2, simulation = 5_000;
        var work = family.Shapes.Sum(s => (double)GraphStatistics.Of(new Slice(teacher.Groups, s.Counts).Apply(teacher.Graph)).Macs) / Math.Max(1, measured.Statistics.Macs);
        return measured.SecondsPerImage * (inputs.TestImages + work * formats * int8Share * (2 * inputs.Validation.Count + inputs.TestImages + simulation));
    }

    private static double Measure(TrainableTeacher teacher, RunInputs inputs, IReadOnlyList<StudentShape> shapes, int? teacherAt, int batchSize, RunClock clock, CancellationToken cancellation)
    {
        var (graph, groups) = teacher.Master(shapes);
        using var weights = new SharedWeights(graph, groups, shapes);
        var trainee = JointStudents.Of(weights, new DistillationLoss(), TorchRuntime.HasBfloat16, teacherAt);
        using var optimizer = new Sgd(trainee.Trained, 0.9, 0);
        return Fastest(inputs, batchSize, clock, cancellation, (input, labels) =>
        {
            var answer = torch.zeros([labels.shape[0], inputs.Classes.Count]);
            trainee.Step(new StepInput(input, answer, labels, 0));
            optimizer.Step(0, 1);
        });
    }

    private static double Forward(RunInputs inputs, int batchSize, RunClock clock, CancellationToken cancellation)
    {
        using var targets = new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training.Count, inputs.Classes.Count, views: 0);
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
