using System.Globalization;
using System.Text;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Reporting;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Pruning;

/// <summary>What was measured before the first round, and what the rounds so far did.</summary>
/// <param name="Crops">Crops of each image that the teacher answers for.</param>
public sealed record PruningPlan(
    string Fingerprint, int BatchSize, int Crops, double StepSeconds, double TeacherSeconds, TimeSpan TrainingEnd, IReadOnlyList<PruningRound> Rounds, double ElapsedSeconds) : IStoredPlan;

/// <summary>Structured pruning as a run of its own: a model in, a float32 model with fewer channels out.</summary>
public static class PruningPipeline
{
    /// <exception cref="InputException">Model, data or options cannot be used; one line.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint is in the output directory.</exception>
    public static PruningReport Run(PruningOptions options, IProgress<CompressionProgress> progress, CancellationToken cancellation) =>
        Run(options, progress, TimeProvider.System, cancellation);

    public static PruningReport Run(PruningOptions options, IProgress<CompressionProgress> progress, TimeProvider time, CancellationToken cancellation)
    {
        using var run = OpenedRun<PruningPlan>.Open(options, WorkspaceJson.Default.PruningPlan, progress, time, cancellation);
        var (log, clock, workspace, inputs, teacher, trainable) = (run.Log, run.Clock, run.Workspace, run.Inputs, run.Teacher, run.Trainable);
        var plan = run.Stored ?? log.Run("calibrate", () => Calibrate(options, inputs, teacher, trainable, clock, cancellation), p => Invariant($"batch {p.BatchSize}, {p.Crops} crops, step {p.StepSeconds * 1000:0} ms, teacher {p.TeacherSeconds * 1000:0} ms"));
        if (run.Stored is null)
            workspace.RequireSpaceFor(TeacherTargets.BytesOf(inputs.Training.Count, inputs.Classes.Count, plan.Crops));
        run.Save(plan);

        using var answers = new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training, inputs.Classes.Count, plan.Crops);
        answers.Keep(workspace.AnswersPath("recover"), options.Resume);
        var rounds = new PruningRounds(options, inputs, answers, plan, run.TrainerOf, clock, cancellation);
        var full = PruningRounds.CostOf(trainable.Graph, trainable.Groups, options.Measure)([.. trainable.Groups.Select(g => g.Size)]);
        var graph = plan.Rounds.Count == 0 ? trainable.Graph : ModelImporter.Load(RoundPath(plan.Rounds.Count - 1));
        for (var round = plan.Rounds.Count; round < options.Rounds; round++)
        {
            var target = full / Math.Pow(options.Times, (round + 1.0) / options.Rounds);
            var result = log.Run($"round {round + 1}", () => rounds.Run(round, graph, target), r => r.Describe(), r => new PassDetail(r.Training, [PruningPage.ModelName], Before: r.Report.PrunedTop1, After: r.Report.RecoveredTop1));
            OnnxExporter.Write(result.Graph, RoundPath(round));
            // What was written, as a resumed run has it: the file's names are not the graph's.
            graph = ModelImporter.Load(RoundPath(round));
            if (result.Dense is { } dense)
                OnnxExporter.Write(Simplification.Apply(dense), workspace.StatePath("dense.onnx"));
            plan = plan with { Rounds = [.. plan.Rounds, result.Report], ElapsedSeconds = clock.Elapsed.TotalSeconds };
            run.Save(plan);
        }
        answers.Forget();

        var path = Path.Combine(workspace.Directory, "model.onnx");
        var finished = Simplification.Apply(graph);
        OnnxExporter.Write(finished, path);
        var judged = log.Run("test", () => Tested.Of(options, inputs, teacher, [path], p => OnnxModel.ClassesOf(p, options.ThreadCount, inputs.Validation, cancellation), run.Note, cancellation),
            t => Invariant($"top-1 {t.Model(path).Top1 * 100:0.00} % on the {t.Split} images, the teacher's {t.Teacher.Top1 * 100:0.00} %"));
        var report = new PruningReport
        {
            Teacher = Describe(judged.Teacher, teacher.Statistics, inputs.TeacherBytes, teacher.P50Us),
            Pruned = Describe(judged.Model(path), GraphStatistics.Of(finished), new FileInfo(path).Length, OnnxModel.MediansUs(inputs.Validation, cancellation, path)[0]),
            Split = judged.Split,
            Rounds = plan.Rounds,
            Sparsity = options.Sparsity > 0 ? log.Run("zeros", () => SparsityReport.Of(finished, path, workspace.StatePath("dense.onnx"), inputs.Validation, cancellation), z => Invariant($"{z.Zeros * 100:0.0} % of the weights are zero: {z.TimesSmallerCompressed:0.00} times smaller once compressed, {z.TimesFaster:0.00} times as fast in ONNX Runtime")) : null,
            Model = path,
            DataSha256 = inputs.DataSha256,
            TestSha256 = judged.TestSha256,
            Seed = options.Seed,
            Seconds = clock.Elapsed.TotalSeconds,
            Passes = log.Passes,
            Run = RunDescription.Of(options, time),
            Comparison = ModelComparison.Of(PruningPage.ModelName, "float32", judged, path, inputs.Classes),
            TeacherValidationTop1 = teacher.Validation.Top1,
            SkippedImages = inputs.Skipped,
            Warnings =
            [
                .. ReportWarnings.OfAccuracies(judged.Split, judged.Labels.Length, inputs.Skipped).Prepend(run.TeacherWarning).OfType<string>(),
                .. ReportWarnings.OfTime(clock.Elapsed.TotalSeconds, options.Steps is null ? options.Budget : null),
                .. Unreached(options, full, plan.Rounds[^1]),
            ],
        };
        Workspace.WriteAtomically(Path.Combine(workspace.Directory, "prune.html"), Encoding.UTF8.GetBytes(PruningPage.Of(report)));
        Workspace.WriteAtomically(Path.Combine(workspace.Directory, "prune.json"), Encoding.UTF8.GetBytes(report.ToJson()));
        return report;

        string RoundPath(int round) => workspace.StatePath($"round-{round}.onnx");
    }

    private static PruningPlan Calibrate(PruningOptions options, RunInputs inputs, TeacherPass teacher, TrainableTeacher trainable, RunClock clock, CancellationToken cancellation)
    {
        var batchSize = CalibrationPass.BatchSize(inputs);
        StudentShape[] whole = [new("whole", 1, [.. trainable.Groups.Select(g => g.Size)])];
        var step = StepTimes.Train(trainable, whole, inputs, batchSize, clock, cancellation);
        var forward = StepTimes.Forward(inputs, batchSize, clock, cancellation);
        // The teacher on the test images, and a model nearly as large.
        var end = Timetable.TrainingEnd(options.Budget, 2 * teacher.SecondsPerImage * Math.Max(inputs.TestImages, inputs.Validation.Count));
        return new PruningPlan(inputs.Fingerprint, batchSize, CalibrationPass.Crops(inputs, batchSize, forward, options.Steps is null ? end - clock.Elapsed : TimeSpan.Zero), step, forward, end, [], clock.Elapsed.TotalSeconds);
    }

    /// <summary>Where the narrowest model that pruning leaves is not as small as was asked.</summary>
    private static IEnumerable<string> Unreached(PruningOptions options, long full, PruningRound last)
    {
        var (left, measure) = options.Measure == PruningMeasure.Macs ? (last.Macs, "multiply-accumulates") : (last.Parameters, "parameters");
        if (left > full / options.Times)
            yield return Invariant($"{options.Times:0.##} times fewer {measure} were asked for, and {(double)full / left:0.##} times fewer is all that pruning leaves: every group of channels keeps a sixteenth of them, in multiples of {options.ChannelMultiple}.");
    }

    private static PrunedModel Describe(Accuracy accuracy, GraphStatistics statistics, long bytes, double p50Us) =>
        new(accuracy.Top1, [accuracy.Low, accuracy.High], accuracy.Samples, statistics.Parameters, statistics.Macs, bytes, p50Us);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
