using System.Globalization;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Decides between slices and mobile blocks where the cost model cannot: all candidates are trained together for a small share
/// of the time, as the family will be, and judged on the same held-out images. Mobile blocks are taken where they have more
/// of them right and McNemar's test calls it more than chance; otherwise slices stay, which start closer to the teacher.
/// </summary>
public sealed class BlockTrial
{
    public const string Pass = "trial";

    /// <summary>Share of the budget; where steps are given, main steps for one of these.</summary>
    private const double BudgetShare = 0.05;

    private const long StepShare = 8;

    /// <summary>With fewer steps nothing has been learnt that could be compared.</summary>
    private const long FewestSteps = 64;

    private const int Crops = 4;

    private const double Significance = 0.05;

    private readonly IReadOnlyDictionary<string, bool[]> _right;
    private readonly string? _leftOut;

    private BlockTrial(IReadOnlyDictionary<string, bool[]> right, string? leftOut, TrainingReport? training) => (_right, _leftOut, Training) = (right, leftOut, training);

    /// <summary>Null where the trial was left out.</summary>
    public TrainingReport? Training { get; }

    public IReadOnlyList<string> Students => [.. _right.Keys];

    /// <param name="rungs">Those that are not ruled.</param>
    public static BlockTrial Run(CompressionOptions options, RunInputs inputs, TrainableTeacher teacher, IReadOnlyList<Rung> rungs, RunClock clock, Trainer trainer, string checkpointPath, string answersPath, CancellationToken cancellation)
    {
        StudentShape[] shapes = [.. FamilyPlanner.Candidates(rungs).Select(c => c.Shape).DistinctBy(s => s.Name)];
        var batchSize = CalibrationPass.BatchSize(inputs);
        var available = options.Budget * BudgetShare;
        double step = 0, forward = 0;
        // Nothing that was measured may decide anything where the steps are given.
        if (options.Steps is null && !(options.Resume && File.Exists(checkpointPath)))
        {
            step = StepTimes.Train(teacher, shapes, inputs, batchSize, clock, cancellation);
            forward = StepTimes.Forward(inputs, batchSize, clock, cancellation);
            if (available.TotalSeconds / (step + forward) < FewestSteps)
                return new BlockTrial(new Dictionary<string, bool[]>(), Text($"{BudgetShare * 100:0} % of the time do not suffice to compare them with mobile blocks"), null);
        }
        using var weights = teacher.Weights(shapes);
        using var targets = new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training, inputs.Classes.Count, Math.Min(Crops, TeacherTargets.MostCrops(inputs.Training.Count, inputs.Classes.Count)));
        targets.Keep(answersPath, options.Resume);
        var plan = DistillationSettings.Plan(Pass, batchSize, clock.Elapsed + available, options.Steps is { } steps ? Math.Max(1, steps / StepShare) : null);
        var training = trainer.Run(JointStudents.Of(weights, new DistillationLoss(options.Distillation), TorchRuntime.HasBfloat16), inputs.Training, targets, plan, options.Resume, step, forward, cancellation);
        targets.Forget();
        var right = Enumerable.Range(0, shapes.Length).ToDictionary(i => shapes[i].Name, i =>
            TorchAccuracy.Right(new TorchGraph(weights.Graphs[i], TorchRuntime.HasBfloat16), weights.Student(i), inputs.Validation, cancellation));
        return new BlockTrial(right, null, training);
    }

    public (BlockKind Blocks, string Ruling) Judge(Rung rung)
    {
        if (_leftOut is not null)
            return (BlockKind.Sliced, _leftOut);
        var (sliced, mobile) = (_right[rung.Sliced!.Shape.Name], _right[rung.Mobile!.Shape.Name]);
        return Judge(sliced, mobile, Training!.Steps);
    }

    /// <summary>Mobile blocks where they are better beyond chance.</summary>
    /// <param name="sliced">Which of the held-out images the slice has right.</param>
    /// <param name="mobile">The same of mobile blocks.</param>
    public static (BlockKind Blocks, string Ruling) Judge(bool[] sliced, bool[] mobile, long steps)
    {
        var onlySliced = sliced.Zip(mobile).Count(p => p.First && !p.Second);
        var onlyMobile = sliced.Zip(mobile).Count(p => !p.First && p.Second);
        var p = Statistics.McNemar(onlySliced, onlyMobile).MidP;
        var better = onlyMobile > onlySliced && p < Significance;
        var figures = Text($"after {steps} steps of both, mobile blocks have {Share(mobile) * 100:0.0} % of the held-out images right, a slice of the teacher {Share(sliced) * 100:0.0} % (McNemar p {p:0.000})");
        return better ? (BlockKind.Mobile, figures) : (BlockKind.Sliced, figures);
    }

    public string Describe() => _leftOut ?? string.Join(", ", _right.Select(r => Text($"{r.Key} {Share(r.Value) * 100:0.0} %")));

    private static double Share(bool[] right) => right.Count(r => r) / (double)Math.Max(1, right.Length);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
