using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace EdgeAgent.Compression.Reporting;

/// <summary>
/// A piece of markup, HTML or SVG. Made from an interpolated string, whose literal parts are markup and whose values are
/// escaped unless they are <see cref="Html"/> themselves: names of classes, layers and files cannot become markup.
/// </summary>
internal readonly struct Html
{
    private readonly string? _markup;

    private Html(string markup) => _markup = markup;

    public static Html Empty => default;

    public static Html Of(HtmlHandler handler) => new(handler.Markup);

    /// <summary>Text of our own that is markup: style sheets.</summary>
    public static Html Trusted(string markup) => new(markup);

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts.Select(p => p.ToString())));

    public override string ToString() => _markup ?? "";
}

/// <summary>Builds <see cref="Html"/> from an interpolated string.</summary>
[InterpolatedStringHandler]
internal readonly struct HtmlHandler(int literalLength, int formattedCount)
{
    private readonly StringBuilder _markup = new(literalLength + 16 * formattedCount);

    public string Markup => _markup.ToString();

    public void AppendLiteral(string markup) => _markup.Append(markup);

    public void AppendFormatted(Html markup) => _markup.Append(markup.ToString());

    public void AppendFormatted(IEnumerable<Html> parts)
    {
        foreach (var part in parts)
            _markup.Append(part.ToString());
    }

    public void AppendFormatted(string? text) => _markup.Append(Escaped(text ?? ""));

    public void AppendFormatted(long number) => _markup.Append(CultureInfo.InvariantCulture, $"{number}");

    /// <summary>A coordinate: hundredths of a pixel are fine enough.</summary>
    public void AppendFormatted(double number) => _markup.Append(number.ToString("0.##", CultureInfo.InvariantCulture));

    /// <summary>What no document can hold (control characters, halves of surrogate pairs) is replaced, the rest escaped.</summary>
    private static string Escaped(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            clean.Append(Rune.IsControl(rune) || rune.Value >= 0xFFFE && (rune.Value & 0xFFFE) == 0xFFFE ? Rune.ReplacementChar.ToString() : rune.ToString());
        return WebUtility.HtmlEncode(clean.ToString());
    }
}
