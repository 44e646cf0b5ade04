namespace EdgeAgent.Compression.Reporting;

/// <summary>Differences with their intervals, one row each, beside a line at zero.</summary>
internal sealed record DifferencePlot(string Title, string Description, Marker Marker, IReadOnlyList<(string Name, double Value, double Low, double High)> Rows)
{
    private const double Width = 360, Left = 116, Right = 12, Top = 6, RowHeight = 19, Bottom = 40;
    private const int LongestName = 14;

    public Html Draw()
    {
        var axis = Axis.Linear("points, student minus teacher", Rows.SelectMany(r => new[] { r.Low * 100, r.High * 100, 0 }));
        var height = Top + Rows.Count * RowHeight + Bottom;
        double XOf(double share) => Left + axis.At(share * 100) * (Width - Left - Right);
        double YOf(int row) => Top + (row + 0.5) * RowHeight;
        return Html.Of($"""
            <svg class="plot" viewBox="0 0 {Width} {height}" role="img" aria-label="{Title}"><title>{Title}</title><desc>{Description}</desc>
            {axis.Ticks.Select(t => Html.Of($"<path class=\"grid\" d=\"M{XOf(t.Value / 100)} {Top}V{height - Bottom}\"/><text class=\"tick\" x=\"{XOf(t.Value / 100)}\" y=\"{height - Bottom + 16}\" text-anchor=\"middle\">{t.Text}</text>"))}
            <path class="axis" d="M{XOf(0)} {Top}V{height - Bottom}"/>
            <text class="name" x="{(Left + Width - Right) / 2}" y="{height - 6}" text-anchor="middle">{axis.Label}</text>
            {Rows.Select((row, i) => Html.Of($"""
                <g class="point"><title>{row.Name}: {Figures.Points(row.Value)} points, {Figures.PointsInterval([row.Low, row.High])}</title><text class="tick" x="{Left - 8}" y="{YOf(i) + 4}" text-anchor="end">{Short(row.Name)}</text>
                <path class="interval" stroke="{Marker.Colour}" d="M{XOf(row.Low)} {YOf(i)}H{XOf(row.High)}M{XOf(row.Low)} {YOf(i) - 3}v6M{XOf(row.High)} {YOf(i) - 3}v6"/>{Marker.At(XOf(row.Value), YOf(i))}</g>
                """))}</svg>
            """);
    }

    private static string Short(string name) => name.Length <= LongestName ? name : name[..(LongestName - 1)] + "…";
}
