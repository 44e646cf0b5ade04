using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Pruning;

/// <summary>What was measured before the first round, and what the rounds so far did.</summary>
/// <param name="Views">Augmented views per image that the teacher answers for.</param>
public sealed record PruningPlan(
    string Fingerprint, int BatchSize, int Views, double StepSeconds, double TeacherSeconds, Timetable Timetable, IReadOnlyList<PruningRound> Rounds, double ElapsedSeconds) : IStoredPlan;

/// <summary>Structured pruning as a run of its own: a model in, a float32 model with fewer channels out.</summary>
public static class PruningPipeline
{
    /// <exception cref="InputException">Model, data or options cannot be used; one line.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint is in the output directory.</exception>
    public static PruningReport Run(PruningOptions options, IProgress<CompressionProgress> progress, CancellationToken cancellation) =>
        Run(options, progress, TimeProvider.System, cancellation);

    public static PruningReport Run(PruningOptions options, IProgress<CompressionProgress> progress, TimeProvider time, CancellationToken cancellation)
    {
        TorchRuntime.Prepare(options.Threads);
        var clock = new RunClock(time, options.Budget);
        var log = new PassLog(progress, clock);
        void Note(string text) => progress.Report(new CompressionProgress("load", 0, 1, clock.Left, Note: text));

        var workspace = Workspace.Open(options.OutDirectory);
        using var inputs = log.Run("load", () => RunInputs.Open(options, Note, cancellation), i => i.Describe());
        var stored = options.Resume ? workspace.Resume(inputs.Fingerprint, WorkspaceJson.Default.PruningPlan) : null;
        if (stored is null)
            workspace.Clear();
        else
            clock.Before = workspace.ElapsedBefore(stored);

        using var teacher = log.Run("teacher", () => TeacherPass.Measure(options, inputs, workspace, cancellation), t => t.Describe());
        var trainable = log.Run("prepare", () => TrainableTeacher.Prepare(inputs, cancellation), t => t.Describe());
        var plan = stored ?? log.Run("calibrate", () => Calibrate(options, inputs, teacher, trainable, clock, cancellation), p => Invariant($"batch {p.BatchSize}, {p.Views} views, step {p.StepSeconds * 1000:0} ms, teacher {p.TeacherSeconds * 1000:0} ms"));
        workspace.Save(plan, WorkspaceJson.Default.PruningPlan);

        using var answers = new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training.Count, inputs.Classes.Count, plan.Views);
        var rounds = new PruningRounds(options, inputs, answers, plan, pass => new Trainer(clock, time, progress, workspace.CheckpointPath(pass), plan.Fingerprint), clock, cancellation);
        var full = PruningRounds.CostOf(trainable.Graph, trainable.Groups, options.Measure)([.. trainable.Groups.Select(g => g.Size)]);
        var graph = plan.Rounds.Count == 0 ? trainable.Graph : ModelImporter.Load(RoundPath(plan.Rounds.Count - 1));
        for (var round = plan.Rounds.Count; round < options.Rounds; round++)
        {
            var target = full / Math.Pow(options.Times, (round + 1.0) / options.Rounds);
            var result = log.Run($"round {round + 1}", () => rounds.Run(round, graph, target), r => r.Describe(), r => r.Training.Curve);
            OnnxExporter.Write(result.Graph, RoundPath(round));
            // What was written, as a resumed run has it: the file's names are not the graph's.
            graph = ModelImporter.Load(RoundPath(round));
            if (result.Dense is { } dense)
                OnnxExporter.Write(Simplification.Apply(dense), workspace.StatePath("dense.onnx"));
            plan = plan with { Rounds = [.. plan.Rounds, result.Report], ElapsedSeconds = clock.Elapsed.TotalSeconds };
            workspace.Save(plan, WorkspaceJson.Default.PruningPlan);
        }

        var path = Path.Combine(workspace.Directory, "model.onnx");
        var finished = Simplification.Apply(graph);
        OnnxExporter.Write(finished, path);
        var (split, testSha256, before, after) = log.Run("test", () => Judge(options, inputs, teacher, path, Note, cancellation), t => Invariant($"top-1 {t.After.Top1 * 100:0.00} % on the {t.Split} images, the teacher's {t.Before.Top1 * 100:0.00} %"));
        var report = new PruningReport
        {
            Teacher = Describe(before, teacher.Statistics, inputs.TeacherBytes, teacher.P50Us),
            Pruned = Describe(after, GraphStatistics.Of(finished), new FileInfo(path).Length, ZeroWeights.MedianUs(path, inputs, cancellation)),
            Split = split,
            Rounds = plan.Rounds,
            Sparsity = options.Sparsity > 0 ? log.Run("zeros", () => ZeroWeights.Measure(finished, path, workspace.StatePath("dense.onnx"), inputs, cancellation), z => Invariant($"{z.Zeros * 100:0.0} % of the weights are zero: {z.TimesSmallerCompressed:0.00} times smaller once compressed, {z.TimesFaster:0.00} times as fast in ONNX Runtime")) : null,
            Model = path,
            DataSha256 = inputs.DataSha256,
            TestSha256 = testSha256,
            Seed = options.Seed,
            Seconds = clock.Elapsed.TotalSeconds,
            Passes = log.Passes,
        };
        Workspace.WriteAtomically(Path.Combine(workspace.Directory, "prune.json"), Encoding.UTF8.GetBytes(report.ToJson()));
        return report;

        string RoundPath(int round) => workspace.StatePath($"round-{round}.onnx");
    }

    private static PruningPlan Calibrate(PruningOptions options, RunInputs inputs, TeacherPass teacher, TrainableTeacher trainable, RunClock clock, CancellationToken cancellation)
    {
        var batchSize = CalibrationPass.BatchSize(inputs);
        StudentShape[] whole = [new("whole", 1, [.. trainable.Groups.Select(g => g.Size)])];
        var step = StepTimes.Train(trainable.Master(whole), whole, inputs, batchSize, clock, cancellation);
        var forward = StepTimes.Forward(inputs, batchSize, clock, cancellation);
        // The teacher on the test images, and a model nearly as large.
        var timetable = Timetable.Of(options.Budget, 2 * teacher.SecondsPerImage * Math.Max(inputs.TestImages, inputs.Validation.Count));
        return new PruningPlan(inputs.Fingerprint, batchSize, CalibrationPass.Views(inputs, batchSize, forward, timetable.FinishEnd - clock.Elapsed), step, forward, timetable, [], clock.Elapsed.TotalSeconds);
    }

    private static (string Split, string? TestSha256, Accuracy Before, Accuracy After) Judge(PruningOptions options, RunInputs inputs, TeacherPass teacher, string path, Action<string> note, CancellationToken cancellation)
    {
        using var model = new OnnxModel(path, options.ThreadCount);
        if (options.TestPath is null)
            return ("validation", null, teacher.Validation, Accuracy.Of(model.Classes(inputs.Validation, cancellation), inputs.Validation.Labels));
        var (images, sha256) = inputs.OpenTest(options.TestPath, options, note, cancellation);
        return ("test", sha256, teacher.On(images, cancellation), Accuracy.Of(model.Classes(images, cancellation), images.Labels));
    }

    private static PrunedModel Describe(Accuracy accuracy, GraphStatistics statistics, long bytes, double p50Us) =>
        new(accuracy.Top1, [accuracy.Low, accuracy.High], accuracy.Samples, statistics.Parameters, statistics.Macs, bytes, p50Us);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
