namespace EdgeAgent.Compression.Reporting;

/// <summary>The parts that every report page is made of: one file without scripts, fonts or pictures from elsewhere.</summary>
internal static class Page
{
    /// <summary>A column of a table; numbers are set right.</summary>
    public readonly record struct Column(string Name, bool IsNumber = true)
    {
        public static implicit operator Column(string name) => new(name);

        public static Column Text(string name) => new(name, false);
    }

    /// <summary>A section of the page; an empty one is left out.</summary>
    public sealed record Section(string Id, string Title, Html Content);

    public static string Document(string kind, string title, Html lead, IReadOnlyList<Section> sections, Html footer) => Html.Of($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <link rel="icon" href="data:,">
        <title>{title}: {kind}</title>
        <style>
        {Html.Trusted(PageStyle.Sheet)}
        </style>
        </head>
        <body>
        <header>
        <p class="kind">EdgeAgent · {kind}</p>
        <h1>{title}</h1>
        {lead}
        <nav aria-label="Sections">{sections.Select(s => Html.Of($"<a href=\"#{s.Id}\">{s.Title}</a> "))}</nav>
        </header>
        <main>
        {sections.Select(s => Html.Of($"<section id=\"{s.Id}\" aria-labelledby=\"{s.Id}-title\">\n<h2 id=\"{s.Id}-title\">{s.Title}</h2>\n{s.Content}\n</section>\n"))}
        </main>
        <footer>{footer}</footer>
        </body>
        </html>

        """).ToString();

    /// <param name="caption">What the rows are; also the name of the region that narrow screens scroll.</param>
    /// <param name="rows">Cells in the order of the columns; the first is the row's heading.</param>
    public static Html Table(string caption, IReadOnlyList<Column> columns, IEnumerable<IReadOnlyList<Html>> rows) => Html.Of($"""
        <div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>
        <thead><tr>{columns.Select(c => Html.Of($"<th scope=\"col\"{Class(c)}>{c.Name}</th>"))}</tr></thead>
        <tbody>{rows.Select(row => Html.Of($"<tr>{row.Select((cell, i) => i == 0 ? Html.Of($"<th scope=\"row\">{cell}</th>") : Html.Of($"<td{Class(columns[i])}>{cell}</td>"))}</tr>\n"))}</tbody></table></div>

        """);

    /// <summary>A plot with the figures it shows, for who cannot see it or wants to copy them.</summary>
    public static Html Figure(string caption, Html drawing, Html? table = null) => Html.Of($"""
        <figure><figcaption>{caption}</figcaption>{drawing}{(table is { } figures ? Html.Of($"<details><summary>The figures</summary>{figures}</details>") : Html.Empty)}</figure>

        """);

    public static Html Plots(IEnumerable<Html> figures) => Html.Of($"<div class=\"plots\">{figures}</div>\n");

    public static Html Legend(IEnumerable<(Marker Marker, string Name)> entries) =>
        Html.Of($"<ul class=\"legend\">{entries.Select(e => Html.Of($"<li>{e.Marker.Inline}{e.Name}</li>"))}</ul>\n");

    /// <summary>A share as a bar in front of its figure.</summary>
    public static Html Bar(double share, string figure) =>
        Html.Of($"<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{Math.Clamp(share, 0, 1) * 100}%\"></i></span>{figure}");

    public static Html Warnings(IReadOnlyList<string> warnings) =>
        warnings.Count == 0 ? Html.Empty : Html.Of($"<ul class=\"warnings\" aria-label=\"Warnings\">{warnings.Select(w => Html.Of($"<li>{w}</li>"))}</ul>");

    public static Html Text(string? text) => Html.Of($"{text}");

    private static Html Class(Column column) => column.IsNumber ? Html.Trusted(" class=\"n\"") : Html.Trusted(" class=\"wrap\"");
}
