using System.Diagnostics;
using System.Text.Json;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Runtime;

/// <summary>What a pass can tell beyond its time and its one line.</summary>
/// <param name="Training">Of a pass that trains.</param>
/// <param name="Models">Names of the models in the training's held-out accuracies.</param>
/// <param name="Before">Accuracy on held-out images before the pass.</param>
/// <param name="After">The same after it, on the same images.</param>
public sealed record PassDetail(TrainingReport? Training = null, IReadOnlyList<string>? Models = null, double? Before = null, double? After = null);

/// <summary>Collects what the passes of a run cost and did, over interruptions.</summary>
public sealed class PassLog(IProgress<CompressionProgress> progress, RunClock clock)
{
    private readonly List<PassReport> _passes = [];
    private string? _path;

    public IReadOnlyList<PassReport> Passes => _passes;

    /// <summary>From now on the log is on disk too.</summary>
    /// <param name="resume">Continues the log of the interrupted run, if there is one.</param>
    public void Keep(string path, bool resume)
    {
        _path = path;
        if (resume && File.Exists(path))
        {
            var own = _passes.ToArray();
            _passes.Clear();
            _passes.AddRange(Read(path));
            foreach (var pass in own)
                Put(pass);
        }
        Save();
    }

    /// <summary>Runs a pass; its effect is one line for the report and for the user.</summary>
    public T Run<T>(string name, Func<T> pass, Func<T, string> effect, Func<T, PassDetail>? detail = null)
    {
        progress.Report(new CompressionProgress(name, 0, 1, clock.Left));
        var start = Stopwatch.GetTimestamp();
        var result = pass();
        var (training, models, before, after) = detail?.Invoke(result) ?? new PassDetail();
        var report = new PassReport(name, Stopwatch.GetElapsedTime(start).TotalSeconds, effect(result))
        {
            Curve = training?.Curve.Points ?? [],
            HeldOut = training?.Curve.HeldOut ?? [],
            Models = models ?? [],
            Steps = training?.Steps,
            TrainingSeconds = training?.Seconds,
            Top1Before = before,
            Top1After = after,
        };
        Put(report);
        Save();
        progress.Report(new CompressionProgress(name, 1, 1, clock.Left, Note: $"{name}: {report.Effect}"));
        return result;
    }

    /// <summary>A pass that a resumed run repeats takes the place of its earlier self, and its time is added to that one's.</summary>
    private void Put(PassReport pass)
    {
        var earlier = _passes.FindIndex(p => p.Name == pass.Name);
        if (earlier < 0)
            _passes.Add(Whole(pass));
        else
            _passes[earlier] = Whole(pass with { Runs = _passes[earlier].Runs + 1, Seconds = pass.Seconds + _passes[earlier].Seconds });
    }

    /// <summary>An interrupted process leaves no log of the pass it was in, but the pass's checkpoint knows the time it took.</summary>
    private static PassReport Whole(PassReport pass) => pass with { Seconds = Math.Max(pass.Seconds, pass.TrainingSeconds ?? 0) };

    private void Save()
    {
        if (_path is not null)
            Workspace.WriteAtomically(_path, JsonSerializer.SerializeToUtf8Bytes([.. _passes], FamilyJson.Default.PassReportArray));
    }

    private static PassReport[] Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), FamilyJson.Default.PassReportArray) ?? [];
        }
        catch (JsonException fault)
        {
            throw new InputException($"{path}: damaged; start again without --resume", fault);
        }
    }
}
