using System.Globalization;

namespace EdgeAgent.Compression.Reporting;

/// <summary>What is needed to get the same again, and to know that it is the same.</summary>
internal static class RunSection
{
    public static Html Of(FamilyReport report)
    {
        var overhead = report.Overhead;
        var facts = new List<(string, string)>
        {
            ("seeds", string.Join(", ", report.Seeds)),
            ("training data, SHA-256", report.DataSha256),
            ("test data, SHA-256", report.TestSha256 ?? "no test data"),
            ("teacher", overhead.Teacher),
            ("step with all students", Figures.Microseconds(overhead.JointStepUs) + (overhead is { Ratio: { } ratio, TeacherStepUs: { } alone } ? $", {Figures.Times(ratio)} a training step of the teacher alone ({Figures.Microseconds(alone)})" : "")),
            ("work of all students", $"{Figures.Percent(overhead.MacShare, 1)} of the teacher's multiply-accumulates, {Figures.Percent(overhead.ElementwiseShare, 1)} of its elementwise work"),
            ("time", Figures.Seconds(report.Seconds)),
            ("memory at most", Figures.Bytes(report.PeakBytes)),
            ("images left out", report.SkippedImages.Count.ToString(CultureInfo.InvariantCulture)),
        };
        return Of(report.Run, facts, report.SkippedImages);
    }

    public static Html Of(RunDescription? run, IReadOnlyList<(string Name, string Value)> facts, IReadOnlyList<string> skipped)
    {
        IEnumerable<(string Name, string Value)> machine = run is null ? [] :
        [
            ("machine", $"{run.Architecture}, {run.Processors} processors, {run.Threads} training threads, convolutions in {run.Arithmetic}"),
            ("program", $"EdgeAgent {run.Version}"),
        ];
        return Html.Of($"""
            {(run is null ? Html.Empty : Html.Of($"<pre>{run.Command}</pre>\n"))}
            {Page.Table("Facts of the run", [Page.Column.Text(""), Page.Column.Text("")], facts.Concat(machine).Select(f => (IReadOnlyList<Html>)[Page.Text(f.Name), Html.Of($"<code>{f.Value}</code>")]))}
            {(skipped.Count == 0 ? Html.Empty : Html.Of($"<details><summary>Images left out</summary><ul>{skipped.Take(200).Select(s => Html.Of($"<li>{s}</li>"))}</ul></details>"))}
            {(run is null ? Html.Empty : Html.Of($"<details><summary>Options</summary>{Page.Table("Options of the command", [Page.Column.Text("option"), Page.Column.Text("value")], run.Options.Select(o => (IReadOnlyList<Html>)[Page.Text(o.Name), Html.Of($"<code>{o.Value}</code>")]))}</details>"))}
            """);
    }

    public static Html Footer(RunDescription? run) => Html.Of($"""
        {(run is null ? "" : $"Written {run.Finished.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC by EdgeAgent {run.Version}. ")}All figures are in the JSON document beside this page; accuracies are fractions there, and points here are percentage points.
        """);
}
