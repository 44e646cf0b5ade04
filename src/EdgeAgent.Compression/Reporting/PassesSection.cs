namespace EdgeAgent.Compression.Reporting;

/// <summary>What every pass cost and did.</summary>
internal static class PassesSection
{
    public static Html Of(IReadOnlyList<PassReport> passes, double seconds) => passes.Count == 0 ? Html.Empty : Html.Of($"""
        <p>Wall time of each pass over interruptions, {Figures.Seconds(seconds)} of the budget in all. Before and after are accuracies on the same held-out images: post-training quantization against quantization-aware training for a finish, as cut against recovered for a round of pruning.</p>
        {Page.Table("Passes in their order", ["", "time", "steps", "before", "after", Page.Column.Text("effect")], passes.Select(p => (IReadOnlyList<Html>)
        [
            Html.Of($"{p.Name}{(p.Runs > 1 ? Html.Of($" <span class=\"note-text\">({p.Runs} times, resumed)</span>") : Html.Empty)}"), Page.Bar(p.Seconds / Math.Max(1e-9, passes.Max(q => q.Seconds)), Figures.Seconds(p.Seconds)), p.Steps is { } steps ? Html.Of($"{steps}") : Html.Empty,
            Page.Text(p.Top1Before is { } before ? Figures.Percent(before, 1) : ""), Page.Text(p.Top1After is { } after ? Figures.Percent(after, 1) : ""), Page.Text(p.Effect),
        ]))}
        """);
}
