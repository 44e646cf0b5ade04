using EdgeAgent.Compression.Pruning;

namespace EdgeAgent.Compression.Reporting;

/// <summary><c>prune.html</c>: everything that <c>prune.json</c> knows, for people.</summary>
public static class PruningPage
{
    /// <summary>What the written model is called in curves and comparisons.</summary>
    public const string ModelName = "pruned";

    private static readonly Dictionary<string, Marker> Markers = new() { [ModelName] = new Marker(0) };

    public static string Of(PruningReport report)
    {
        ModelComparison[] comparison = [report.Comparison];
        Page.Section[] sections =
        [
            new("models", "Before and after", Models(report)),
            new("rounds", "Rounds", Rounds(report)),
            new("difference", "Teacher against pruned", DifferenceSection.Of(comparison, Markers)),
            new("classes", "Classes, and what was unlearned", ClassesSection.Of(comparison, Markers)),
            new("training", "Recovery", TrainingSection.Of(report.Passes, Markers, report.TeacherValidationTop1)),
            new("passes", "Passes", PassesSection.Of(report.Passes, report.Seconds)),
            new("run", "How to repeat it", RunSection.Of(report.Run, Facts(report), report.SkippedImages)),
        ];
        return Page.Document("pruning report", report.Run.ModelName, Lead(report), [.. sections.Where(s => s.Content.ToString().Length > 0)], RunSection.Footer(report.Run));
    }

    private static Html Lead(PruningReport report)
    {
        var (teacher, pruned) = (report.Teacher, report.Pruned);
        Html Tile(Marker marker, string name, PrunedModel model, string more) =>
            Html.Of($"<li style=\"--tile:{marker.Colour}\"><div class=\"what\">{marker.Inline}{name}, float32</div><div class=\"figure\">{Figures.Percent(model.Top1)}</div><div class=\"more\">{more}</div></li>");
        return Html.Of($"""
            <p class="lead">{Figures.Times((double)teacher.Parameters / Math.Max(1, pruned.Parameters))} fewer parameters and {Figures.Times((double)teacher.Macs / Math.Max(1, pruned.Macs))} fewer multiply-accumulates in {Figures.Seconds(report.Seconds)}; accuracies on {Figures.Whole(teacher.Samples)} {(report.Split == "test" ? "test images, read once at the end" : "held-out images")}.</p>
            <ul class="tiles">
            {Tile(Marker.Teacher, "teacher", teacher, $"{Figures.Count(teacher.Parameters)} parameters, {Figures.Count(teacher.Macs)} MACs")}
            {Tile(Markers[ModelName], ModelName, pruned, $"{Figures.Count(pruned.Parameters)} parameters, {Figures.Count(pruned.Macs)} MACs")}
            </ul>
            {Page.Warnings(report.Warnings)}
            """);
    }

    private static Html Models(PruningReport report)
    {
        IReadOnlyList<Html> Row(Marker marker, string name, PrunedModel m) =>
            [Html.Of($"{marker.Inline}{name}"), Page.Text(Figures.Percent(m.Top1)), Page.Text(Figures.Interval(m.Interval)), Page.Text(Figures.Count(m.Parameters)), Page.Text(Figures.Count(m.Macs)), Page.Text(Figures.Bytes(m.Bytes)), Page.Text(Figures.Microseconds(m.P50Us))];
        var zeros = report.Sparsity is { } s
            ? Html.Of($"<p>{Figures.Percent(s.Zeros, 1)} of the weights are zero. That makes the file {Figures.Times(s.TimesSmallerCompressed)} smaller once compressed, and {Figures.Times(s.TimesFaster)} as fast: dense kernels multiply zeros too.</p>")
            : Html.Empty;
        return Html.Of($"""
            <p>Accuracies of the files in ONNX Runtime with Wilson 95 % intervals; latency is the median of one image in ONNX Runtime on this machine, float32, one thread.</p>
            {Page.Table("The teacher's file and the written model", ["", "top-1", "95 %", "parameters", "MACs", "file", "latency here"], [Row(Marker.Teacher, "teacher", report.Teacher), Row(Markers[ModelName], ModelName, report.Pruned)])}
            {zeros}
            """);
    }

    private static Html Rounds(PruningReport report)
    {
        if (report.Rounds.Count == 0)
            return Html.Empty;
        var groups = report.Rounds[0].Channels.Select(c => c.Group).ToArray();
        var rounds = report.Rounds.Select((r, i) => (IReadOnlyList<Html>)
        [
            Html.Of($"{i + 1}"), Page.Text(Figures.Count(r.Parameters)), Page.Text(Figures.Count(r.Macs)), Page.Text(Figures.Percent(r.PrunedTop1, 1)), Page.Text(Figures.Percent(r.ReestimatedTop1, 1)), Page.Text(Figures.Percent(r.RecoveredTop1, 1)), Page.Text(Figures.Fixed(r.Epochs, 1)),
        ]);
        var channels = groups.Select((group, g) =>
        {
            var (before, kept) = (report.Rounds[0].Channels[g].Before, report.Rounds.Select(r => r.Channels.FirstOrDefault(c => c.Group == group)?.Kept).Select(k => k is { } count ? Html.Of($"{count}") : Html.Empty));
            return (IReadOnlyList<Html>)[Page.Text(group), Html.Of($"{before}"), .. kept];
        });
        return Html.Of($"""
            <p>Accuracies on held-out images: as cut, with batch-norm statistics measured anew, and after recovery with the teacher's answers.</p>
            {Page.Table("Rounds of pruning", ["round", "parameters", "MACs", "as cut", "statistics anew", "recovered", "epochs"], rounds)}
            <details><summary>Channels kept in every group</summary>{Page.Table("Channels kept after each round", ["group", "before", .. report.Rounds.Select((_, i) => (Page.Column)$"round {i + 1}")], channels)}</details>
            """);
    }

    private static List<(string, string)> Facts(PruningReport report) =>
    [
        ("seed", report.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("training data, SHA-256", report.DataSha256),
        ("test data, SHA-256", report.TestSha256 ?? "no test data"),
        ("model written", report.Model),
        ("time", Figures.Seconds(report.Seconds)),
        ("images left out", report.SkippedImages.Count.ToString(System.Globalization.CultureInfo.InvariantCulture)),
    ];
}
