namespace EdgeAgent.Compression.Reporting;

/// <param name="Low">Lower end of the interval of <paramref name="Y"/>; null without one.</param>
/// <param name="Tip">What a pointing reader is told.</param>
/// <param name="Label">Written beside the point where there is room.</param>
internal readonly record struct PlotPoint(double X, double Y, double? Low = null, double? High = null, string? Tip = null, string? Label = null);

/// <param name="Line">Whether the points are joined.</param>
/// <param name="Marked">Whether each has a marker; a long line among others has one at its end only, a long line alone has none.</param>
internal sealed record PlotSeries(string Name, Marker Marker, IReadOnlyList<PlotPoint> Points, bool Line, bool Marked);

/// <summary>A dashed line across the plot: a budget, or a model to compare with.</summary>
internal sealed record PlotGuide(double Value, string Text, bool Vertical);

/// <summary>A plot of points and lines as inline SVG: readable on paper, by screen readers, and without scripts.</summary>
/// <param name="Title">For screen readers; the figure's caption says it to the others.</param>
/// <param name="Description">What the plot shows, in a sentence.</param>
internal sealed record Plot(string Title, string Description, Axis X, Axis Y, IReadOnlyList<PlotSeries> Series)
{
    private const double Width = 360, Height = 246, Left = 55, Right = 12, Top = 12, Bottom = 44;
    private const double CharacterWidth = 6.9, LabelHeight = 13;

    public IReadOnlyList<PlotGuide> Guides { get; init; } = [];

    /// <summary>Points that are joined by steps: what no other point beats in both directions.</summary>
    public IReadOnlyList<PlotPoint> Front { get; init; } = [];

    private double XOf(double value) => Left + X.At(value) * (Width - Left - Right);

    private double YOf(double value) => Height - Bottom - Y.At(value) * (Height - Top - Bottom);

    /// <summary>Where the middle of a text lies so that it does not leave the drawing: the number of a tick at the very end may be long.</summary>
    private static double Inside(double x, string text) => Math.Min(x, Width - 2 - text.Length * CharacterWidth / 2);

    public Html Draw() => Html.Of($"""
        <svg class="plot" viewBox="0 0 {Width} {Height}" role="img" aria-label="{Title}"><title>{Title}</title><desc>{Description}</desc>
        {Y.Ticks.Select(t => Html.Of($"<path class=\"grid\" d=\"M{Left} {YOf(t.Value)}H{Width - Right}\"/><text class=\"tick\" x=\"{Left - 7}\" y=\"{YOf(t.Value) + 4}\" text-anchor=\"end\">{t.Text}</text>"))}
        {X.Ticks.Select(t => Html.Of($"<path class=\"grid\" d=\"M{XOf(t.Value)} {Top}V{Height - Bottom}\"/><text class=\"tick\" x=\"{Inside(XOf(t.Value), t.Text)}\" y=\"{Height - Bottom + 17}\" text-anchor=\"middle\">{t.Text}</text>"))}
        <path class="axis" d="M{Left} {Top}V{Height - Bottom}H{Width - Right}"/>
        <text class="name" x="{(Left + Width - Right) / 2}" y="{Height - 8}" text-anchor="middle">{X.Label}</text>
        <text class="name" transform="translate(11 {(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">{Y.Label}</text>
        {Guides.Select(Guide)}{Staircase()}{Series.Select(Draw)}{Labels()}</svg>
        """);

    private Html Guide(PlotGuide guide) => guide.Vertical
        ? Html.Of($"<g><title>{guide.Text}</title><path class=\"guide\" d=\"M{XOf(guide.Value)} {Top}V{Height - Bottom}\"/><text class=\"note\" x=\"{XOf(guide.Value) - 4}\" y=\"{Top + 10}\" text-anchor=\"end\">{guide.Text}</text></g>")
        : Html.Of($"<g><title>{guide.Text}</title><path class=\"guide\" d=\"M{Left} {YOf(guide.Value)}H{Width - Right}\"/><text class=\"note\" x=\"{Left + 5}\" y=\"{(YOf(guide.Value) < Top + 12 ? YOf(guide.Value) + 12 : YOf(guide.Value) - 5)}\">{guide.Text}</text></g>");

    /// <summary>Between two points of the front nothing better is known than the cheaper one.</summary>
    private Html Staircase()
    {
        if (Front.Count == 0)
            return Html.Empty;
        var start = Html.Of($"M{XOf(Front[0].X)} {YOf(Front[0].Y)}");
        return Html.Of($"<path class=\"front\" d=\"{start}{Front.Skip(1).Select(p => Html.Of($"H{XOf(p.X)}V{YOf(p.Y)}"))}\"/>");
    }

    private Html Draw(PlotSeries series)
    {
        var points = series.Points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).ToArray();
        if (points.Length == 0)
            return Html.Empty;
        var path = series.Line && points.Length > 1
            ? Html.Of($"<path class=\"line\" stroke=\"{series.Marker.Colour}\" d=\"M{points.Select((p, i) => Html.Of($"{(i == 0 ? "" : "L")}{XOf(p.X)} {YOf(p.Y)}"))}\"/>")
            : Html.Empty;
        var marked = series.Marked ? points : Series.Count > 1 ? points[^1..] : [];
        return Html.Of($"<g><title>{series.Name}</title>{path}{marked.Select(p => Draw(series, p))}</g>");
    }

    private Html Draw(PlotSeries series, PlotPoint point)
    {
        var (x, y) = (XOf(point.X), YOf(point.Y));
        var interval = point is { Low: { } low, High: { } high }
            ? Html.Of($"<path stroke=\"{series.Marker.Colour}\" class=\"interval\" d=\"M{x} {YOf(low)}V{YOf(high)}M{x - 4} {YOf(low)}h8M{x - 4} {YOf(high)}h8\"/>")
            : Html.Empty;
        return Html.Of($"<g class=\"point\"><title>{point.Tip ?? series.Name}</title>{interval}{series.Marker.At(x, y)}</g>");
    }

    /// <summary>Labels go where they cover neither points nor each other; where there is no such place the legend must do.</summary>
    private IEnumerable<Html> Labels()
    {
        var taken = Series.Where(s => s.Marked).SelectMany(s => s.Points).Select(p => Box.Around(XOf(p.X), YOf(p.Y), 13, 13)).ToList();
        foreach (var (x, low, high) in Series.SelectMany(s => s.Points).Where(p => p is { Low: not null, High: not null }).Select(p => (XOf(p.X), YOf(p.Low!.Value), YOf(p.High!.Value))))
            taken.Add(new Box(x - 4, high, x + 4, low));
        var frame = new Box(Left + 1, Top - 4, Width - 1, Height - Bottom - 1);
        foreach (var (series, point) in Series.SelectMany(s => s.Points.Where(p => p.Label is not null).Select(p => (s, p))))
        {
            var (x, y, width) = (XOf(point.X), YOf(point.Y), point.Label!.Length * CharacterWidth);
            (double X, double Y)[] places = [(x + 8 + width / 2, y - 9), (x + 8 + width / 2, y + 11), (x - 8 - width / 2, y - 9), (x - 8 - width / 2, y + 11), (x + 10 + width / 2, y), (x - 10 - width / 2, y), (x, y - 17), (x, y + 19)];
            var boxes = Array.ConvertAll(places, p => Box.Around(p.X, p.Y, width, LabelHeight));
            var free = Array.FindIndex(boxes, b => b.Within(frame) && !taken.Exists(b.Meets));
            if (free < 0)
                continue;
            taken.Add(boxes[free]);
            yield return Html.Of($"<text class=\"label\" x=\"{places[free].X}\" y=\"{places[free].Y + 4}\" text-anchor=\"middle\" style=\"fill:{series.Marker.Colour}\">{point.Label}</text>");
        }
    }

    private readonly record struct Box(double Left, double Top, double Right, double Bottom)
    {
        public static Box Around(double x, double y, double width, double height) => new(x - width / 2, y - height / 2, x + width / 2, y + height / 2);

        public bool Meets(Box other) => Left < other.Right && other.Left < Right && Top < other.Bottom && other.Top < Bottom;

        public bool Within(Box frame) => Left >= frame.Left && Right <= frame.Right && Top >= frame.Top && Bottom <= frame.Bottom;
    }
}
