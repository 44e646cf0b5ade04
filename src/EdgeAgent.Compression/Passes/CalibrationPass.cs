using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Turns the budget into a schedule: measures what a step costs on this machine now, on weights that are thrown away
/// afterwards, and fixes batch size and crops.
/// </summary>
public static class CalibrationPass
{
    private const int LargeBatch = 256, SmallBatch = 64, FewestInABatch = 8, MinCrops = 4, MaxCrops = 32;

    /// <summary>Share of the joint training that may go into asking the teacher: on small budgets more steps are worth more than more crops.</summary>
    private const double TeacherShare = 0.15;

    /// <summary>Share of the budget within which the teacher's own training step is measured, and of the machine's memory that a batch's activations may take.</summary>
    private const double OverheadShare = 0.02, MemoryShare = 0.25;

    /// <summary>Steps of a measurement, and a training step in forward passes of the frozen teacher: it runs backwards for inputs and weights, and its norms with statistics.</summary>
    private const double FewestSteps = 2, TrainingPerForward = 4;

    public static StoredPlan Run(CompressionOptions options, RunInputs inputs, TeacherPass measured, TrainableTeacher teacher, FamilyPlan family, RunClock clock, CancellationToken cancellation)
    {
        var batchSize = BatchSize(inputs);
        var full = new StudentShape("teacher", 1, [.. teacher.Groups.Select(g => g.Size)]);
        var joint = options.Teacher == TeacherMode.Joint;
        IReadOnlyList<StudentShape> shapes = joint ? [full, .. family.Shapes] : family.Shapes;

        var students = StepTimes.Train(teacher, family.Shapes, inputs, batchSize, clock, cancellation);
        var forward = joint ? 0 : StepTimes.Forward(inputs, batchSize, clock, cancellation);
        var together = joint ? StepTimes.Train(teacher, shapes, inputs, batchSize, clock, cancellation, teacherAt: 0) : students + forward;
        // A frozen teacher is never trained: to know what that would cost is worth little of the time.
        double? alone = joint || FewestSteps * TrainingPerForward * forward <= OverheadShare * options.Budget.TotalSeconds
            ? StepTimes.Train(teacher, [full], inputs, batchSize, clock, cancellation, teacherAt: 0)
            : null;

        var timetable = Timetable.Of(options.Budget, ClosingSeconds(inputs, measured, teacher, family) + options.Budget.TotalSeconds * Reporting.LayerStudy.BudgetShare);
        // Nothing that was measured may decide anything where the steps are given.
        var available = options.Steps is null ? timetable.MainEnd - clock.Elapsed : TimeSpan.Zero;
        var crops = joint ? 0 : Crops(inputs, batchSize, forward, available);
        var (macs, elementwise) = Shares(teacher, family);
        var overhead = new OverheadReport(joint ? "joint" : "fixed", together * 1e6, alone * 1e6, together / alone, students * 1e6, macs, elementwise);
        return new StoredPlan(inputs.Fingerprint, shapes, family.ByProfile.ToDictionary(p => p.Key, p => (IReadOnlyList<PlannedStudent>)[.. p.Value.Select(s => joint ? s with { Shape = s.Shape + 1 } : s)]),
            batchSize, crops, joint ? together : students, forward, overhead, timetable, clock.Elapsed.TotalSeconds);
    }

    /// <summary>The students' work together, as shares of the teacher's.</summary>
    private static (double Macs, double Elementwise) Shares(TrainableTeacher teacher, FamilyPlan family)
    {
        GraphSpec[] students = [.. family.Shapes.Select(teacher.Narrowed)];
        double Share(Func<GraphSpec, long> work) => students.Sum(work) / (double)Math.Max(1, work(teacher.Graph));
        return (Share(g => GraphStatistics.Of(g).Macs), Share(GraphStatistics.ElementwiseOf));
    }

    /// <summary>Small data sets need enough steps to learn in, large ones the efficiency of large batches; large images are the fewer at a time.</summary>
    public static int BatchSize(RunInputs inputs)
    {
        var wanted = Math.Min(inputs.Training.Count >= 20_000 ? LargeBatch : SmallBatch, inputs.Training.Count);
        // Half as much again for gradients, which live from one layer to the one before it, and for what convolutions work in.
        var bytesPerImage = GraphStatistics.ActivationsOf(inputs.Teacher) * (TorchRuntime.HasBfloat16 ? 2 : sizeof(float)) * 3 / 2;
        return BatchSize(wanted, bytesPerImage, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    }

    /// <param name="memory">Of the machine, not what is free at the moment: the same run has the same batches again.</param>
    public static int BatchSize(int wanted, long bytesPerImage, long memory)
    {
        var size = wanted;
        while (size > FewestInABatch && size * (double)bytesPerImage > MemoryShare * memory)
            size = Math.Max(FewestInABatch, size / 2);
        return size;
    }

    /// <summary>Crops of each image that the teacher can answer for in its share of the time.</summary>
    /// <param name="forward">The teacher's time for a batch, in seconds.</param>
    public static int Crops(RunInputs inputs, int batchSize, double forward, TimeSpan available)
    {
        var perEpoch = Math.Max(1, inputs.Training.Count / batchSize);
        var crops = (int)Math.Clamp(TeacherShare * available.TotalSeconds / (perEpoch * forward), MinCrops, MaxCrops);
        return Math.Min(crops, TeacherTargets.MostCrops(inputs.Training.Count, inputs.Classes.Count));
    }

    /// <summary>
    /// What comes after training: the teacher on the test images, and every student's file on held-out and test images, in int8
    /// at about half the teacher's time for a multiply-accumulate, beside its plan and a few images of exact simulation.
    /// </summary>
    private static double ClosingSeconds(RunInputs inputs, TeacherPass measured, TrainableTeacher teacher, FamilyPlan family)
    {
        const double int8Share = 0.5, formats = 2, simulation = 5_000;
        var work = family.Shapes.Sum(s => (double)GraphStatistics.Of(teacher.Narrowed(s)).Macs) / Math.Max(1, measured.Statistics.Macs);
        return measured.SecondsPerImage * (inputs.TestImages + work * formats * int8Share * (2 * inputs.Validation.Count + inputs.TestImages + simulation));
    }
}
