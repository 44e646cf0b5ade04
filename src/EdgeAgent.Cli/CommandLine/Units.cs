using System.Globalization;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Figures as people read them; documents carry the plain numbers.</summary>
internal static class Units
{
    public static string Bytes(long bytes) => bytes switch
    {
        < 10_000 => Text($"{bytes} B"),
        < 10_000_000 => Text($"{bytes / 1e3:0.0} kB"),
        < 10_000_000_000 => Text($"{bytes / 1e6:0.0} MB"),
        _ => Text($"{bytes / 1e9:0.0} GB"),
    };

    public static string Count(long count) => count switch
    {
        < 10_000 => Text($"{count}"),
        < 10_000_000 => Text($"{count / 1e3:0.0} k"),
        < 10_000_000_000 => Text($"{count / 1e6:0.0} M"),
        _ => Text($"{count / 1e9:0.0} G"),
    };

    public static string Microseconds(double us) => us switch
    {
        < 10_000 => Text($"{us:0.0} us"),
        < 1_000_000 => Text($"{us / 1e3:0.0} ms"),
        _ => Text($"{us / 1e6:0.0} s"),
    };

    public static string Percent(double fraction) => Text($"{fraction * 100:0.00} %");

    public static string Interval(IReadOnlyList<double> fractions) => Text($"[{fractions[0] * 100:0.00}, {fractions[1] * 100:0.00}]");

    public static string Shape(IReadOnlyList<int> shape) => string.Join(" x ", shape.Select(d => d < 0 ? "N" : d.ToString(CultureInfo.InvariantCulture)));

    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
