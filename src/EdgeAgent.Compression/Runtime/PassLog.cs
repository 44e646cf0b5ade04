using System.Diagnostics;

namespace EdgeAgent.Compression.Runtime;

/// <summary>Collects what the passes of a run cost and did.</summary>
public sealed class PassLog(IProgress<CompressionProgress> progress, RunClock clock)
{
    private readonly List<PassReport> _passes = [];

    public IReadOnlyList<PassReport> Passes => _passes;

    /// <summary>Runs a pass; its effect is one line for the report and for the user.</summary>
    public T Run<T>(string name, Func<T> pass, Func<T, string> effect, Func<T, IReadOnlyList<Distillation.CurvePoint>>? curve = null)
    {
        progress.Report(new CompressionProgress(name, 0, 1, clock.Left));
        var start = Stopwatch.GetTimestamp();
        var result = pass();
        var report = new PassReport(name, Stopwatch.GetElapsedTime(start).TotalSeconds, effect(result)) { Curve = curve?.Invoke(result) ?? [] };
        _passes.Add(report);
        progress.Report(new CompressionProgress(name, 1, 1, clock.Left, Note: $"{name}: {report.Effect}"));
        return result;
    }
}
