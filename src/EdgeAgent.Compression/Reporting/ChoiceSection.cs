using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Compression.Reporting;

/// <summary>What each board got and why: how much of every budget each student uses, and what was rejected.</summary>
internal static class ChoiceSection
{
    public static Html Of(FamilyReport report, IReadOnlyDictionary<string, Marker> markers) => Html.Of($"""
        <p>The rule is the same for every board: of the students that may ship there, the most accurate within all budgets, by the held-out images; where a least accuracy is asked for, the fastest that reaches it. A budget binds when without it another student would be chosen.</p>
        {report.Choices.Select(choice => Board(report, choice, markers))}
        {Rejected(report)}
        """);

    private static Html Board(FamilyReport report, ProfileChoice choice, IReadOnlyDictionary<string, Marker> markers)
    {
        var budgets = report.Profiles.FirstOrDefault(p => p.Id == choice.Profile)?.Budgets ?? new ProfileBudgets();
        var students = report.Students.Where(s => s.Profile == choice.Profile).ToArray();
        var rows = students.Select(s => (IReadOnlyList<Html>)
        [
            Html.Of($"{markers[s.Name].Inline}{s.Name}{(s.Name == choice.Student ? Html.Trusted(" <span class=\"chosen\">chosen</span>") : Html.Empty)}"), Page.Text(Figures.Percent(s.ValidationTop1)),
            Use(s.PredictedUs, budgets.MaxLatencyMs * 1000, Figures.Microseconds), Use(s.DeviceBytes, budgets.MaxModelBytes, Figures.Bytes), Use(s.EnergyMj, budgets.MaxEnergyMj, Figures.Millijoules),
            Page.Text(s.Float32Us > 0 ? $"{Figures.Times(s.Float32Us / s.PredictedUs)} faster" : ""),
        ]);
        return Html.Of($"""
            <h3>{choice.Profile}</h3>
            <p>{choice.Student}: {choice.Reason}.{(choice.BindingBudget is null ? " No budget binds." : "")}</p>
            {Page.Table($"Students of {choice.Profile}, and the share of each budget they use", ["", "top-1, held-out", "latency", "bytes to the device", "energy", "against itself in float32"], rows)}
            <ul>{students.Where(s => s.Reason.Length > 0).Select(s => Html.Of($"<li>{s.Name} is as it is: {s.Reason}</li>"))}</ul>
            """);
    }

    private static Html Use(double value, double? budget, Func<double, string> text) => value <= 0
        ? Html.Empty
        : budget is { } limit ? Page.Bar(value / limit, $"{text(value)}, {Figures.Percent(value / limit, 0)} of {text(limit)}") : Html.Of($"{text(value)}, no budget");

    private static Html Rejected(FamilyReport report) => report.Rejected.Count == 0
        ? Html.Empty
        : Html.Of($"<h3>Not shipped</h3>\n{Page.Table("Students that were trained but do not ship", ["", Page.Column.Text("board"), Page.Column.Text("reason")], report.Rejected.Select(r => (IReadOnlyList<Html>)[Page.Text(r.Name), Page.Text(r.Profile), Page.Text(r.Reason)]))}");
}
