using System.Text.Json.Serialization.Metadata;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Reporting;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Passes;

/// <summary>How every run begins: libtorch prepared, inputs read and checked, an interrupted run found again, the teacher measured and made trainable.</summary>
internal sealed class OpenedRun<TPlan> : IDisposable
    where TPlan : class, IStoredPlan
{
    private readonly IProgress<CompressionProgress> _progress;
    private readonly TimeProvider _time;
    private readonly JsonTypeInfo<TPlan> _type;
    private readonly TimeSpan _checkpointEvery;

    private OpenedRun(TrainingOptions options, JsonTypeInfo<TPlan> type, IProgress<CompressionProgress> progress, TimeProvider time)
    {
        (_progress, _time, _type, _checkpointEvery) = (progress, time, type, options.CheckpointEvery);
        Clock = new RunClock(time, options.Budget);
        Log = new PassLog(progress, Clock);
        Workspace = Workspace.Open(options.OutDirectory);
    }

    public RunClock Clock { get; }

    public PassLog Log { get; }

    public Workspace Workspace { get; }

    public RunInputs Inputs { get; private set; } = null!;

    public TeacherPass Teacher { get; private set; } = null!;

    /// <summary>What must be known of the teacher before believing in students; null for one that knows its classes.</summary>
    public string? TeacherWarning { get; private set; }

    public TrainableTeacher Trainable { get; private set; } = null!;

    /// <summary>The plan of the interrupted run that this one continues; null for a new run.</summary>
    public TPlan? Stored { get; private set; }

    /// <param name="check">Looks at the inputs before anything of an earlier run is forgotten.</param>
    /// <exception cref="InputException">Something cannot be used; one line.</exception>
    public static OpenedRun<TPlan> Open(TrainingOptions options, JsonTypeInfo<TPlan> type, IProgress<CompressionProgress> progress, TimeProvider time, CancellationToken cancellation, Action<OpenedRun<TPlan>>? check = null)
    {
        TorchRuntime.Prepare(options.Threads);
        var run = new OpenedRun<TPlan>(options, type, progress, time);
        try
        {
            run.Inputs = run.Log.Run("load", () => RunInputs.Open(options, run.Note, cancellation), i => i.Describe());
            check?.Invoke(run);
            run.Stored = options.Resume ? run.Workspace.Resume(run.Inputs.Fingerprint, type) : null;
            if (run.Stored is { } stored)
                run.Clock.Before = run.Workspace.ElapsedBefore(stored);
            else if (options.Resume && run.Workspace.ElapsedUnplanned(run.Inputs.Fingerprint) is { } elapsed)
                run.Clock.Before = elapsed;
            else
                run.Workspace.Clear();
            run.Log.Keep(run.Workspace.StatePath("passes.json"), resume: run.Stored is not null || run.Clock.Before > TimeSpan.Zero);
            var model = options.ModelPath;
            if (options.Transfer)
            {
                var transfer = run.Log.Run("transfer", () => TransferPass.Run(options, run.Inputs, run.Workspace, run.TrainerOf, cancellation), t => t.Describe(run.Inputs.Classes.Count), t => new PassDetail(t.Training, ["teacher"], Before: t.HeadTop1, After: t.Top1));
                model = transfer.ModelPath;
                run.Inputs = run.Inputs with { Teacher = transfer.Teacher, TeacherBytes = new FileInfo(model).Length };
            }
            run.Teacher = run.Log.Run("teacher", () => TeacherPass.Measure(model, options, run.Inputs, run.Workspace, cancellation), t => t.Describe());
            run.TeacherWarning = ReportWarnings.OfTeacher(run.Teacher.Validation, run.Inputs.Validation.Labels, run.Inputs.Classes, options.Transfer);
            if (run.TeacherWarning is { } warning)
                run.Note(warning);
            if (run.Teacher.Mirror?.Objection is not null)
                run.Inputs = run.Inputs with { Training = run.Inputs.Training.Unflipped() };
            run.Trainable = run.Log.Run("prepare", () => TrainableTeacher.Prepare(run.Inputs, cancellation), t => t.Describe());
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    public void Note(string text) => _progress.Report(new CompressionProgress("load", 0, 1, Clock.Left, Note: text));

    public void Save(TPlan plan) => Workspace.Save(plan, _type);

    /// <summary>The trainer of a pass, with the pass's own checkpoint.</summary>
    public Trainer TrainerOf(string pass) => new(Clock, _time, _progress, Workspace.CheckpointPath(pass), _checkpointEvery, Inputs.Fingerprint);

    public void Dispose()
    {
        Teacher?.Dispose();
        Inputs?.Dispose();
    }
}
