using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Reporting;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression;

/// <summary>Teacher in, family of students out.</summary>
public static class CompressionPipeline
{
    /// <summary>Runs all passes, in the order in which they stand here.</summary>
    /// <exception cref="InputException">Model, data or options cannot be used; one line.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint is in the output directory.</exception>
    public static FamilyReport Run(CompressionOptions options, IProgress<CompressionProgress> progress, CancellationToken cancellation) =>
        Run(options, progress, TimeProvider.System, cancellation);

    public static FamilyReport Run(CompressionOptions options, IProgress<CompressionProgress> progress, TimeProvider time, CancellationToken cancellation)
    {
        if (options.Profiles.Count == 0)
            throw new InputException("no profile is given; name at least one with --profile");
        IReadOnlyList<ProfileTarget> targets = [.. options.Profiles.Select(p => ProfileTarget.Of(p, options))];
        var joint = options.Teacher == TeacherMode.Joint;

        using var run = OpenedRun<StoredPlan>.Open(options, WorkspaceJson.Default.StoredPlan, progress, time, cancellation, opened =>
            opened.Log.Run("check", () => ShippingCheck.Run(options, opened.Inputs, cancellation), n => Invariant($"students of {n} operators, all of which the profiles' engines have in int8")));
        var (log, clock, workspace, inputs, teacher, trainable) = (run.Log, run.Clock, run.Workspace, run.Inputs, run.Teacher, run.Trainable);
        log.Run("quantize", () => QuantizedTeacher.Run(options, inputs, teacher, PackagingPass.Quantized(targets[0].Profile).Format, workspace, cancellation), q => q?.Describe(inputs.TeacherBytes) ?? "left out: it is there already, or would take too much of the time");
        if (options.Blocks != BlockChoice.Sliced)
            trainable = log.Run("mobile", () => trainable.WithMobileBlocks(inputs, cancellation), t => t.DescribeMobile());
        var plan = run.Stored ?? Plan(run, trainable, targets, options, cancellation);
        run.Save(plan);

        using var weights = trainable.Weights(plan.Shapes);
        using var frozen = joint ? null : new TeacherTargets(inputs.Teacher, TorchRuntime.HasBfloat16, inputs.Training, inputs.Classes.Count, plan.Crops);
        frozen?.Keep(workspace.AnswersPath("distil"), options.Resume);
        log.Run("distil", () => run.TrainerOf("distil").Run(
            JointStudents.Of(weights, new DistillationLoss(options.Distillation), TorchRuntime.HasBfloat16, joint ? 0 : null), inputs.Training, frozen,
            DistillationSettings.Plan("distil", plan.BatchSize, plan.Timetable.MainEnd, options.Steps) with { HeldOut = HeldOut(weights, inputs) }, options.Resume, plan.StepSeconds, plan.TeacherSeconds, cancellation), Describe,
            r => new PassDetail(r, [.. weights.Students.Select(s => s.Name)]));

        var students = plan.ByProfile.Values.SelectMany(s => s).Select(s => s.Shape).Distinct().Order().ToArray();
        log.Run("statistics", () => MeasureNorms(weights, students, inputs, plan, cancellation), n => $"batch-norms of {n} students measured anew");
        using var answers = joint ? new TeacherTargets(weights.Extract(0), TorchRuntime.HasBfloat16, inputs.Training, inputs.Classes.Count, 1) : null;
        answers?.Keep(workspace.AnswersPath("finish"), options.Resume);
        var finished = Finish(log, weights, students, targets, inputs, frozen ?? answers!, plan, options, clock, run.TrainerOf, cancellation);
        (frozen ?? answers)!.Forget();

        var written = log.Run("export", () => Export(finished, targets, plan, inputs, workspace, options, cancellation), w => Invariant($"{w.Count} files; ONNX Runtime and simulation agree on at least {w.Min(s => s.Agreement) * 100:0.00} % of up to {w.Max(s => s.AgreementSamples)} images"));
        var (accepted, rejected) = PackagingPass.Judge(written, targets, plan);
        var choices = log.Run("choose", () => PackagingPass.Choose(accepted), c => string.Join("; ", c.Select(p => $"{p.Profile}: {p.Student}, {p.Reason}")));
        // From here on nothing changes any more: the test images may be looked at.
        Workspace.WriteAtomically(workspace.StatePath("choice.txt"), Encoding.UTF8.GetBytes(string.Join('\n', choices)));

        var judged = log.Run("test", () => Tested.Of(options, inputs, teacher, accepted.Select(c => c.Written.OnnxPath), p => accepted.First(c => c.Written.OnnxPath == p).Written.ValidationClasses, run.Note, cancellation), t => Invariant($"teacher top-1 {t.Teacher.Top1 * 100:0.00} % on the {t.Split} images"));
        var reports = log.Run("package", () => Package(accepted, judged, teacher, inputs, workspace, options, time), p => $"{p.Count} students, {rejected.Count} rejected");
        var layers = log.Run("layers", () => Layers(accepted, inputs, options, cancellation), l => $"{l.Sum(s => s.Layers.Count)} layers of {l.Count} students: what each loses in int8");

        var report = new FamilyReport
        {
            Teacher = new TeacherReport(judged.Teacher.Top1, [judged.Teacher.Low, judged.Teacher.High], judged.Teacher.Samples, judged.Split, "onnxruntime", inputs.TeacherBytes, teacher.Statistics.Parameters, teacher.Statistics.Macs, teacher.P50Us) { ValidationTop1 = teacher.Validation.Top1 },
            Students = reports,
            Rejected = rejected,
            Choices = choices,
            Overhead = plan.Overhead,
            Seeds = [options.Seed],
            DataSha256 = inputs.DataSha256,
            TestSha256 = judged.TestSha256,
            OutDir = workspace.Directory,
            Seconds = clock.Elapsed.TotalSeconds,
            PeakBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            Passes = log.Passes,
            SkippedImages = inputs.Skipped,
            Run = RunDescription.Of(options, time),
            Classes = inputs.Classes,
            TrainingImages = inputs.Training.Count,
            HeldOutImages = inputs.Validation.Count,
            Profiles = [.. targets.Select(t => ProfileReport.Of(t, inputs.Teacher))],
            Comparisons = [.. accepted.DistinctBy(c => c.Written.OnnxPath).Select(c => ModelComparison.Of(c.Written.Student.Shape.Name, ProfileReport.NameOf(c.Target.Profile.Int8.Activations), judged, c.Written.OnnxPath, inputs.Classes))],
            Layers = layers,
        };
        report = report with { Warnings = [.. ReportWarnings.Of(report, options.Steps is null ? options.Budget : null).Prepend(run.TeacherWarning).OfType<string>(), .. ReportWarnings.OfSizes(plan, options.Times.Count > 0 ? options.Times.Count : options.Students)] };
        Workspace.WriteAtomically(Path.Combine(workspace.Directory, "family.html"), Encoding.UTF8.GetBytes(FamilyPage.Of(report)));
        Workspace.WriteAtomically(Path.Combine(workspace.Directory, "family.json"), Encoding.UTF8.GetBytes(report.ToJson()));
        return report;
    }

    /// <summary>Which students there will be, and how long they are trained.</summary>
    private static StoredPlan Plan(OpenedRun<StoredPlan> run, TrainableTeacher trainable, IReadOnlyList<ProfileTarget> targets, CompressionOptions options, CancellationToken cancellation)
    {
        var (log, inputs) = (run.Log, run.Inputs);
        var rungs = log.Run("shapes", () => FamilyPlanner.Rungs(trainable, targets, inputs.TeacherBytes, options.Students, options.Times, options.Teacher == TeacherMode.Joint ? 0 : ShapeCatalogue.Taper, options.Blocks),
            r => string.Join(", ", FamilyPlanner.Candidates(r).Select(c => c.Shape.Name).Distinct()));
        IReadOnlyList<Rung> open = [.. rungs.Where(r => r.Ruled is null)];
        var trial = open.Count == 0 ? null : log.Run(BlockTrial.Pass, () => BlockTrial.Run(options, inputs, trainable, open, run.Clock, run.TrainerOf(BlockTrial.Pass), run.Workspace.CheckpointPath(BlockTrial.Pass), run.Workspace.AnswersPath(BlockTrial.Pass), cancellation),
            t => t.Describe(), t => new PassDetail(t.Training, t.Students));
        var family = FamilyPlanner.Plan(rungs, r => trial!.Judge(r));
        var plan = log.Run("calibrate", () => CalibrationPass.Run(options, inputs, run.Teacher, trainable, family, run.Clock, cancellation), p => Invariant($"{string.Join(", ", family.Shapes.Select(s => s.Name))}: batch {p.BatchSize}, {p.Crops} crops, step {p.StepSeconds * 1000:0} ms, teacher {p.TeacherSeconds * 1000:0} ms"));
        run.Workspace.RequireSpaceFor(TeacherTargets.BytesOf(inputs.Training.Count, inputs.Classes.Count, Math.Max(1, plan.Crops)));
        return plan;
    }

    /// <summary>The students, and with <c>--teacher joint</c> the teacher's copy, on the first held-out images while training goes on.</summary>
    private static HeldOutProbe HeldOut(StudentWeights weights, RunInputs inputs) =>
        new([.. weights.Students.Select(s => s.Name)], Math.Min(HeldOutProbe.MostImages, inputs.Validation.Count), cancellation => [.. weights.Graphs.Select((g, i) =>
            TorchAccuracy.Top1(new TorchGraph(g, TorchRuntime.HasBfloat16), weights.Student(i), inputs.Validation, cancellation, HeldOutProbe.MostImages))]);

    /// <summary>Students in the formats u8 and s8 compute the same numbers; their layers are looked at once.</summary>
    private static List<StudentLayers> Layers(IReadOnlyList<Candidate> accepted, RunInputs inputs, CompressionOptions options, CancellationToken cancellation)
    {
        var distinct = accepted.Select(c => c.Written).DistinctBy(w => w.Student).ToArray();
        var limit = options.Budget * LayerStudy.BudgetShare / Math.Max(1, distinct.Length);
        return [.. distinct.Select(w => LayerStudy.Run(w, inputs.Teacher, inputs.Validation, limit, cancellation))];
    }

    private static int MeasureNorms(StudentWeights weights, int[] students, RunInputs inputs, StoredPlan plan, CancellationToken cancellation)
    {
        foreach (var student in students)
            BatchNormStatistics.Measure(weights, student, inputs.Training, plan.BatchSize, TorchRuntime.HasBfloat16, cancellation);
        return students.Length;
    }

    /// <summary>Every student that a profile wants, once per kind of quantization, each with a share of the time that gives it about as many steps.</summary>
    private static List<FinishedStudent> Finish(
        PassLog log, StudentWeights weights, int[] students, IReadOnlyList<ProfileTarget> targets, RunInputs inputs, TeacherTargets answers,
        StoredPlan plan, CompressionOptions options, RunClock clock, Func<string, Trainer> trainer, CancellationToken cancellation)
    {
        var wanted = students.SelectMany(s => targets.Where(t => plan.ByProfile[t.Profile.Id].Any(p => p.Shape == s)).Select(t => PackagingPass.Quantized(t.Profile).IsSymmetric).Distinct().Select(symmetric => (Student: s, Symmetric: symmetric))).ToArray();
        // Products are fast: a student's step takes its time for going over feature maps, and narrow ones have more of these for each product.
        var work = Array.ConvertAll(wanted, w => (double)Graph.Ir.GraphStatistics.ElementwiseOf(weights.Graphs[w.Student]));
        var finished = new List<FinishedStudent>();
        for (var i = 0; i < wanted.Length; i++)
        {
            var (student, symmetric) = wanted[i];
            var left = plan.Timetable.FinishEnd - clock.Elapsed;
            var deadline = clock.Elapsed + left * (work[i] / work[i..].Sum());
            finished.Add(log.Run($"finish {plan.Shapes[student].Name}{(symmetric ? ", symmetric" : "")}", () => FinishPass.Run(weights, student, symmetric, inputs, answers, plan, deadline, trainer, options, cancellation),
                f => Invariant($"top-1 float {f.FloatTop1 * 100:0.0} %, post-training quantized {f.PtqTop1 * 100:0.0} %, quantization-aware {f.QatTop1 * 100:0.0} %; {Describe(f.Training)}"),
                f => new PassDetail(f.Training, [f.Shape.Name], Before: f.PtqTop1, After: f.QatTop1)));
        }
        return finished;
    }

    private static List<WrittenStudent> Export(IReadOnlyList<FinishedStudent> finished, IReadOnlyList<ProfileTarget> targets, StoredPlan plan, RunInputs inputs, Workspace workspace, CompressionOptions options, CancellationToken cancellation)
    {
        var wanted = finished.SelectMany(f => targets
            .Where(t => plan.ByProfile[t.Profile.Id].Any(p => plan.Shapes[p.Shape].Name == f.Shape.Name) && PackagingPass.Quantized(t.Profile).IsSymmetric == f.Symmetric)
            .Select(t => PackagingPass.Quantized(t.Profile).Format).Distinct().Select(format => (Student: f, Format: format))).ToArray();
        var simulationTime = options.Budget * 0.04 / Math.Max(1, wanted.Length);
        return [.. wanted.Select(w => StudentFiles.Write(w.Student, w.Format, inputs.Validation, workspace.StatePath($"{w.Student.Shape.Name}-{w.Format}.onnx"), options.ThreadCount, simulationTime, cancellation))];
    }

    private static List<StudentReport> Package(IReadOnlyList<Candidate> accepted, Tested judged, TeacherPass teacher, RunInputs inputs, Workspace workspace, CompressionOptions options, TimeProvider time)
    {
        var model = ModelName(options);
        var reports = new List<StudentReport>();
        foreach (var candidate in accepted)
        {
            var (student, target) = (candidate.Written, candidate.Target);
            var accuracy = judged.Model(student.OnnxPath);
            var folder = Path.Combine(workspace.Directory, target.Profile.Id, student.Student.Shape.Name);
            StudentFolder.Write(folder, student, target, model, new Metric("top1", accuracy.Top1, [accuracy.Low, accuracy.High], accuracy.Samples, judged.Split, judged.DataSha256),
                candidate.PredictedUs, inputs.Classes, inputs.Preprocessing, time.GetUtcNow().AddDays(365));
            reports.Add(new StudentReport(
                student.Student.Shape.Name, target.Profile.Id, student.Student.Shape.Width, accuracy.Top1, [accuracy.Low, accuracy.High], accuracy.Samples, judged.Split,
                student.Validation.Top1, student.Student.FloatTop1, student.Student.PtqTop1, student.Onnx.Length, student.Plan.Length, candidate.Parameters, candidate.Macs,
                candidate.PredictedUs, candidate.Float32Us, judged.Teacher.Top1 > 0 ? accuracy.Top1 / judged.Teacher.Top1 : 0, (double)inputs.TeacherBytes / student.Onnx.Length,
                student.Agreement, student.AgreementSamples, Path.GetRelativePath(workspace.Directory, folder),
                target.Profile.Int8.Accelerator == "none" ? null : ProfileReport.NotExecuted)
            {
                Activations = ProfileReport.NameOf(target.Profile.Int8.Activations),
                DeviceBytes = candidate.AsChoice.ModelBytes,
                EnergyMj = candidate.AsChoice.EnergyMj,
                Blocks = student.Student.Shape.Blocks,
                Reason = candidate.Reason,
            });
        }
        return reports;
    }

    /// <summary>The model's name as device slots are called: what of its file name fits the pattern.</summary>
    private static string ModelName(CompressionOptions options)
    {
        if (options.Name is { } given)
            return given;
        var name = new string([.. Path.GetFileNameWithoutExtension(options.ModelPath.TrimEnd('/')).ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-')]).TrimStart('.', '_', '-');
        return DeviceId.TryParse(name, out _) ? name : "model";
    }

    private static string Describe(TrainingReport report) =>
        Invariant($"{report.Steps} steps ({report.Epochs:0.0} epochs), {report.StepUs / 1000:0} ms a step, loss {report.FinalLoss:0.000}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
