namespace EdgeAgent.Compression.Reporting;

/// <summary>Whether the difference between teacher and student is more than chance: McNemar's test on the same images.</summary>
internal static class DifferenceSection
{
    public static Html Of(IReadOnlyList<ModelComparison> comparisons, IReadOnlyDictionary<string, Marker> markers)
    {
        if (comparisons.Count == 0)
            return Html.Empty;
        var rows = comparisons.Select(c => (IReadOnlyList<Html>)
        [
            Html.Of($"{(markers.TryGetValue(c.Student, out var marker) ? marker.Inline : Html.Empty)}{c.Student}, {c.Activations}"), Page.Text(Figures.Points(c.Difference)), Page.Text(Figures.PointsInterval(c.Interval)),
            Html.Of($"{c.OnlyTeacher}"), Html.Of($"{c.OnlyStudent}"), Page.Text(Figures.Probability(c.PExact)), Page.Text(Figures.Probability(c.PMidP)), Page.Text(Verdict(c)),
        ]);
        return Html.Of($"""
            <p>Teacher and student classified the same {Figures.Whole(comparisons[0].Samples)} images, so that only the images count that one of them alone has right: <i>b</i> the teacher's, <i>c</i> the student's. If both were equally good, each of these <i>n</i> = <i>b</i> + <i>c</i> images would fall to either side with probability 1/2.</p>
            {Page.Table("McNemar's test of each written file against the teacher", ["", "difference, points", "95 %", "b: only the teacher", "c: only the student", "p, exact", "p, mid-p", Page.Column.Text("")], rows)}
            <p class="note-text">With X binomial(<i>n</i>, 1/2) and <i>k</i> = min(<i>b</i>, <i>c</i>): exact p = min(1, 2 P(X ≤ <i>k</i>)); mid-p = 2 P(X ≤ <i>k</i>) − P(X = <i>k</i>), and 1 where <i>b</i> = <i>c</i>. The interval of the paired difference (<i>c</i> − <i>b</i>) / N is Wald's with one image added to <i>b</i> and to <i>c</i> (Bonett and Price 2012). A p says nothing about how large a difference is; the interval does.</p>
            """);
    }

    private static string Verdict(ModelComparison c) => c.PMidP >= 0.05
        ? "no difference shown"
        : c.Difference < 0 ? "the teacher is better" : "the student is better";
}
