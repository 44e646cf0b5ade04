namespace EdgeAgent.Compression.Reporting;

/// <summary>Accuracy class by class, and the classes that each student lost most of.</summary>
internal static class ClassesSection
{
    private const int MostRows = 60, MostDrawn = 16, MostUnlearned = 8;

    public static Html Of(IReadOnlyList<ModelComparison> all, IReadOnlyDictionary<string, Marker> markers)
    {
        // u8 and s8 files of a student compute the same numbers: one of them stands for both.
        var comparisons = all.DistinctBy(c => c.Student).ToArray();
        if (comparisons.Length == 0)
            return Html.Empty;
        var classes = comparisons[0].Classes;
        var shown = Enumerable.Range(0, classes.Count).OrderBy(i => comparisons.Min(c => c.Classes[i].Difference)).Take(MostRows).Order().ToArray();
        var rows = shown.Select(i => (IReadOnlyList<Html>)
        [
            Page.Text(classes[i].Class), Html.Of($"{classes[i].Samples}"), Page.Text(Share(classes[i].TeacherRight, classes[i].Samples)),
            .. comparisons.Select(c => Html.Of($"{Share(c.Classes[i].StudentRight, c.Classes[i].Samples)} ({Figures.Points(c.Classes[i].Difference, 1)})")),
        ]);
        return Html.Of($"""
            <p>Share of each class's images that are classified right, and for each student how much it gains or loses against the teacher, with 95 % intervals of the paired difference. An interval holds for one class; among many classes some stray from zero by chance.</p>
            {Page.Plots(comparisons.Select(c => Page.Figure($"{c.Student}: largest losses first", Draw(c, markers.GetValueOrDefault(c.Student, new Marker(0))))))}
            {Page.Table($"Share of images classified right, and points gained or lost{(shown.Length < classes.Count ? $"; the {shown.Length} of {classes.Count} classes that lost most, the others are in the JSON document" : "")}", [Page.Column.Text("class"), "images", "teacher", .. comparisons.Select(c => (Page.Column)c.Student)], rows)}
            {comparisons.Select(Unlearned)}
            """);
    }

    private static Html Draw(ModelComparison comparison, Marker marker)
    {
        var rows = Losses(comparison).Take(MostDrawn).Select(c => (c.Class, c.Difference, c.Interval[0], c.Interval[1])).ToArray();
        return new DifferencePlot($"Difference by class, {comparison.Student}", $"Change of accuracy against the teacher in {rows.Length} classes, from {Figures.Points(rows.Min(r => r.Difference), 1)} to {Figures.Points(rows.Max(r => r.Difference), 1)} points.", marker, rows).Draw();
    }

    private static Html Unlearned(ModelComparison comparison)
    {
        var rows = Losses(comparison).Where(c => c.Difference < 0).Take(MostUnlearned).Select(c => (IReadOnlyList<Html>)
        [
            Page.Text(c.Class), Page.Text(Figures.Points(c.Difference, 1)), Page.Text(Figures.PointsInterval(c.Interval, 1)), Html.Of($"{c.Lost}"), Html.Of($"{c.Gained}"),
            c.TakenFor is null ? Html.Empty : Html.Of($"{c.TakenFor} ({c.TakenForCount})"),
        ]).ToArray();
        return rows.Length == 0
            ? Html.Of($"<h3>What {comparison.Student} unlearned</h3>\n<p>Nothing: no class is worse than the teacher's.</p>\n")
            : Html.Of($"<h3>What {comparison.Student} unlearned</h3>\n{Page.Table($"Classes with the largest loss, {comparison.Student}", [Page.Column.Text("class"), "points", "95 %", "images lost", "images gained", Page.Column.Text("lost ones are mostly taken for")], rows)}");
    }

    private static IEnumerable<ClassComparison> Losses(ModelComparison comparison) => comparison.Classes.Where(c => c.Samples > 0).OrderBy(c => c.Difference).ThenBy(c => c.Interval[1]);

    private static string Share(int right, int samples) => samples == 0 ? "" : Figures.Percent((double)right / samples, 1);
}
