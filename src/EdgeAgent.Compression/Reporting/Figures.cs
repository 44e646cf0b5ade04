using System.Globalization;

namespace EdgeAgent.Compression.Reporting;

/// <summary>Figures as the page shows them, with a narrow space that does not break before the unit.</summary>
internal static class Figures
{
    private const string Space = "\u202F";

    public static string Percent(double fraction, int digits = 2) => Fixed(fraction * 100, digits) + Space + "%";

    public static string Interval(IReadOnlyList<double> fractions, int digits = 2) => $"{Fixed(fractions[0] * 100, digits)} to {Fixed(fractions[1] * 100, digits)}";

    /// <summary>A difference of shares in points, with its sign.</summary>
    public static string Points(double difference, int digits = 2) => Signed(difference * 100, digits);

    public static string PointsInterval(IReadOnlyList<double> interval, int digits = 2) => $"{Signed(interval[0] * 100, digits)} to {Signed(interval[1] * 100, digits)}";

    public static string Bytes(double bytes) => Scaled(bytes, 1000, "B", "kB", "MB", "GB");

    public static string Count(double count) => Scaled(count, 1000, "", "k", "M", "G").TrimEnd();

    /// <summary>In full, in groups of three digits.</summary>
    public static string Whole(long count) => count.ToString("#,0", CultureInfo.InvariantCulture).Replace(",", Space, StringComparison.Ordinal);

    public static string Microseconds(double us) => Scaled(us, 1000, "µs", "ms", "s");

    public static string Millijoules(double mj) => mj < 1 ? Scaled(mj * 1000, 1000, "µJ", "mJ") : Scaled(mj, 1000, "mJ", "J");

    public static string Seconds(double seconds) => seconds switch
    {
        < 0.0095 => "< 0.01" + Space + "s",
        < 9.95 => Fixed(seconds, 2) + Space + "s",
        < 120 => Fixed(seconds, 0) + Space + "s",
        < 7200 => Fixed(seconds / 60, 1) + Space + "min",
        _ => Fixed(seconds / 3600, 2) + Space + "h",
    };

    public static string Times(double factor) => Fixed(factor, factor < 10 ? 2 : factor < 100 ? 1 : 0) + Space + "×";

    public static string Probability(double p) => p switch
    {
        0 => "< 1e-300",
        < 1e-4 => p.ToString("0.0e-0", CultureInfo.InvariantCulture),
        _ => Fixed(p, 4),
    };

    public static string Fixed(double value, int digits)
    {
        var text = value.ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        // What rounds to zero has no sign.
        return text.Any(c => c is > '0' and <= '9') ? text.Replace('-', '\u2212') : text.TrimStart('-');
    }

    private static string Signed(double value, int digits)
    {
        var text = Fixed(value, digits);
        return value > 0 && text.Any(c => c is > '0' and <= '9') ? "+" + text : text;
    }

    private static string Scaled(double value, double step, params ReadOnlySpan<string> units)
    {
        var unit = 0;
        // 999.95 would round to 1000.0: the larger unit is the shorter way to say it.
        while (unit < units.Length - 1 && Math.Abs(value) >= step * 0.9995)
            (value, unit) = (value / step, unit + 1);
        return Fixed(value, Math.Abs(value - Math.Round(value)) < 1e-9 || Math.Abs(value) >= 99.95 ? 0 : Math.Abs(value) < 9.995 ? 2 : 1) + Space + units[unit];
    }
}
