namespace EdgeAgent.Compression.Reporting;

/// <summary>Loss and held-out accuracy of every pass that trains.</summary>
internal static class TrainingSection
{
    private const int MostTableRows = 24;

    /// <param name="teacherTop1">The teacher's accuracy on held-out images, a line to reach.</param>
    public static Html Of(IReadOnlyList<PassReport> passes, IReadOnlyDictionary<string, Marker> markers, double? teacherTop1)
    {
        var trained = passes.Where(p => p.Curve.Count > 1).ToArray();
        if (trained.Length == 0)
            return Html.Empty;
        return Html.Of($"""
            <p>The loss is the mean over the steps that a point stands for; accuracy is that of the models as they are at that moment, on at most 512 held-out images, so that its points are rough: with 512 images a 95 % interval is some three points to either side. The clock is that of the run, over interruptions.</p>
            {trained.Select(p => Pass(p, markers, teacherTop1))}
            """);
    }

    private static Html Pass(PassReport pass, IReadOnlyDictionary<string, Marker> markers, double? teacherTop1)
    {
        var (unit, divisor) = pass.Curve[^1].Seconds > 7200 ? ("hours", 3600.0) : pass.Curve[^1].Seconds > 120 ? ("minutes", 60.0) : ("seconds", 1.0);
        // Reports of earlier versions have no clock.
        var timed = pass.Curve[^1].Seconds > 0;
        var time = timed ? $"{unit} since the run began" : "step";
        double At(double seconds, long step) => timed ? seconds / divisor : step;
        Marker Of(string model) => markers.TryGetValue(model, out var marker) ? marker : model == "teacher" ? Marker.Teacher : new Marker(0);

        var marker = pass.Models.Count == 1 ? Of(pass.Models[0]) : new Marker(0);
        var x = Axis.Linear(time, pass.Curve.Select(p => At(p.Seconds, p.Step)), (0, double.PositiveInfinity));
        PlotPoint[] losses = [.. pass.Curve.Select(p => new PlotPoint(At(p.Seconds, p.Step), p.Loss))];
        var loss = new Plot($"Loss of pass {pass.Name}", $"Loss from {Figures.Fixed(losses[0].Y, 3)} to {Figures.Fixed(losses[^1].Y, 3)} over {pass.Curve[^1].Step} steps.", x,
            Axis.Logarithmic("loss", losses.Select(p => p.Y), v => v.ToString("0.####", System.Globalization.CultureInfo.InvariantCulture)), [new PlotSeries("loss", marker, losses, Line: true, Marked: false)]).Draw();
        var figures = new List<Html>
        {
            Page.Figure($"{pass.Name}: loss", loss, Page.Table($"Loss of pass {pass.Name}", ["step", time, "loss", "learning rate"], Thinned(pass.Curve).Select(p => (IReadOnlyList<Html>)
                [Html.Of($"{p.Step}"), Page.Text(timed ? Figures.Fixed(p.Seconds / divisor, 1) : ""), Page.Text(Figures.Fixed(p.Loss, 4)), Page.Text(p.Rate.ToString("0.0000", System.Globalization.CultureInfo.InvariantCulture))]))),
        };
        figures.Add(Page.Figure($"{pass.Name}: learning rate", Rate(pass, x, At)));
        if (pass.HeldOut.Count > 0)
        {
            PlotSeries[] series = [.. pass.Models.Select((model, m) => new PlotSeries(model, Of(model), [.. pass.HeldOut.Select((p, i) =>
                new PlotPoint(At(p.Seconds, p.Step), p.Top1[m], Tip: $"{model} after {p.Step} steps: {Figures.Percent(p.Top1[m], 1)}", Label: pass.Models.Count > 1 && i == pass.HeldOut.Count - 1 ? model : null))], Line: true, Marked: true))];
            var all = series.SelectMany(s => s.Points.Select(p => p.Y)).Concat(teacherTop1 is { } t ? [t] : []).ToArray();
            var accuracy = new Plot($"Held-out accuracy in pass {pass.Name}", $"Accuracy of {string.Join(", ", series.Select(s => $"{s.Name} from {Figures.Percent(s.Points[0].Y, 1)} to {Figures.Percent(s.Points[^1].Y, 1)}"))}.", x,
                Axis.Linear("top-1 on held-out images, %", all, (0, 1), scale: 100), series)
            {
                Guides = teacherTop1 is { } reach ? [new PlotGuide(reach, "teacher, all held-out images", Vertical: false)] : [],
            }.Draw();
            figures.Insert(1, Page.Figure($"{pass.Name}: accuracy on held-out images", accuracy, Page.Table($"Held-out accuracy in pass {pass.Name}", ["step", time, .. pass.Models.Select(m => (Page.Column)m)], pass.HeldOut.Select(p => (IReadOnlyList<Html>)
                [Html.Of($"{p.Step}"), Page.Text(Figures.Fixed(p.Seconds / divisor, 1)), .. p.Top1.Select(v => Page.Text(Figures.Percent(v, 1)))]))));
        }
        return Page.Plots(figures);
    }

    private static Html Rate(PassReport pass, Axis x, Func<double, long, double> at)
    {
        PlotPoint[] rates = [.. pass.Curve.Select(p => new PlotPoint(at(p.Seconds, p.Step), p.Rate))];
        return new Plot($"Learning rate of pass {pass.Name}", $"Learning rate, at most {Figures.Fixed(rates.Max(p => p.Y), 4)}, {Figures.Fixed(rates[^1].Y, 4)} at the end.", x,
            Axis.Linear("learning rate", rates.Select(p => p.Y).Append(0), (0, double.PositiveInfinity)), [new PlotSeries("learning rate", Marker.Teacher, rates, Line: true, Marked: false)]).Draw();
    }

    private static IEnumerable<T> Thinned<T>(IReadOnlyList<T> points)
    {
        var count = Math.Min(MostTableRows, points.Count);
        return Enumerable.Range(1, count).Select(i => points[(int)((long)i * points.Count / count) - 1]);
    }
}
