namespace EdgeAgent.Compression.Reporting;

/// <summary>Accuracy against size, latency and energy, a row of plots for each board.</summary>
internal static class ParetoSection
{
    /// <summary>One axis of cost.</summary>
    private sealed record Cost(string Name, Func<double, string> Text, Func<StudentReport, double> OfStudent, Func<ProfileReport, double> OfTeacher, Func<ProfileReport, double?> Budget);

    public static Html Of(FamilyReport report, IReadOnlyDictionary<string, Marker> markers)
    {
        if (report.Students.Count == 0 || report.Profiles.Count == 0)
            return Html.Empty;
        Cost[] costs =
        [
            new("size of model.onnx", Figures.Bytes, s => s.OnnxBytes, _ => report.Teacher.ModelBytes, p => p.Engine == Contracts.Devices.EngineKind.Onnxruntime ? p.Budgets.MaxModelBytes : null),
            new("latency, predicted", Figures.Microseconds, s => s.PredictedUs, p => p.TeacherUs, p => p.Budgets.MaxLatencyMs * 1000),
            new("energy, predicted", Figures.Millijoules, s => s.EnergyMj, p => p.TeacherMj, p => p.Budgets.MaxEnergyMj),
        ];
        var boards = report.Profiles.Where(p => report.Students.Any(s => s.Profile == p.Id)).Select(board => Html.Of($"""
            <h3>{board.Id}</h3>
            {Page.Plots(costs.Select(cost => Page.Figure($"Accuracy against {cost.Name}", Draw(report, board, cost, markers))))}
            """));
        return Html.Of($"""
            <p>Each point is a file with its 95 % interval; cost is on a logarithmic scale, so that up and left is better. The grey steps join what no other model of the plot beats in both. Dashed lines are budgets. The figures are in the tables above.</p>
            {Page.Legend([(Marker.Teacher, "teacher, float32"), .. markers.Select(m => (m.Value, m.Key))])}
            {boards}
            """);
    }

    private static Html Draw(FamilyReport report, ProfileReport board, Cost cost, IReadOnlyDictionary<string, Marker> markers)
    {
        var students = report.Students.Where(s => s.Profile == board.Id).ToArray();
        PlotPoint Point(string name, double x, double top1, IReadOnlyList<double> interval) =>
            new(x, top1, interval[0], interval[1], $"{name}: {Figures.Percent(top1)} ({Figures.Interval(interval)}), {cost.Text(x)}", name);
        PlotSeries[] series =
        [
            .. students.Select(s => new PlotSeries(s.Name, markers[s.Name], [Point(s.Name, cost.OfStudent(s), s.Top1, s.Interval)], Line: false, Marked: true)),
            new("teacher", Marker.Teacher, [Point("teacher", cost.OfTeacher(board), report.Teacher.Top1, report.Teacher.Interval)], Line: false, Marked: true),
        ];
        var points = series.Select(s => s.Points[0]).ToArray();
        var budget = cost.Budget(board);
        return new Plot(
            $"Accuracy against {cost.Name} on {board.Id}",
            $"{students.Length} students from {cost.Text(points[..^1].Min(p => p.X))} to {cost.Text(points[..^1].Max(p => p.X))} with top-1 from {Figures.Percent(students.Min(s => s.Top1))} to {Figures.Percent(students.Max(s => s.Top1))}; the teacher has {Figures.Percent(report.Teacher.Top1)} at {cost.Text(points[^1].X)}.",
            Axis.Logarithmic(cost.Name, [.. points.Select(p => p.X), .. budget is { } b ? [b] : Array.Empty<double>()], cost.Text),
            Axis.Linear("top-1, %", [.. points.SelectMany(p => new[] { p.Low!.Value, p.High!.Value }), .. board.Budgets.MinAccuracy is { } wanted ? [wanted] : Array.Empty<double>()], (0, 1), scale: 100), series)
        {
            Front = ParetoFront.Of(points, p => p.X, p => p.Y),
            Guides =
            [
                .. budget is { } limit ? [new PlotGuide(limit, "budget", Vertical: true)] : Array.Empty<PlotGuide>(),
                .. board.Budgets.MinAccuracy is { } least ? [new PlotGuide(least, "least accuracy", Vertical: false)] : Array.Empty<PlotGuide>(),
            ],
        }.Draw();
    }
}
