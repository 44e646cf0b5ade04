namespace EdgeAgent.Compression.Reporting;

/// <summary>One axis of a plot: from values to shares of its length, and where its ticks are.</summary>
internal sealed class Axis
{
    private readonly bool _logarithmic;
    private readonly double _low, _high;

    private Axis(string label, double low, double high, bool logarithmic, IReadOnlyList<(double Value, string Text)> ticks) =>
        (Label, _low, _high, _logarithmic, Ticks) = (label, low, high, logarithmic, ticks);

    public string Label { get; }

    public IReadOnlyList<(double Value, string Text)> Ticks { get; }

    /// <summary>An axis with about five ticks at multiples of 1, 2 or 5 times a power of ten.</summary>
    /// <param name="values">What it must hold.</param>
    /// <param name="bounds">What it may not leave, for example 0 and 1 for shares.</param>
    /// <param name="scale">What the ticks' numbers are multiplied by, for example 100 for shares in per cent.</param>
    public static Axis Linear(string label, IEnumerable<double> values, (double Low, double High)? bounds = null, double scale = 1) =>
        Linear(label, values, bounds, (value, step) => Figures.Fixed(value * scale, Math.Max(0, -(int)Math.Floor(Math.Log10(step * scale) + 1e-9))));

    private static Axis Linear(string label, IEnumerable<double> values, (double Low, double High)? bounds, Func<double, double, string> text)
    {
        var (low, high) = Range(values);
        var margin = high > low ? (high - low) * 0.06 : Math.Max(Math.Abs(low) * 0.1, 0.01);
        (low, high) = (low - margin, high + margin);
        if (bounds is { } b)
            (low, high) = (Math.Max(low, b.Low), Math.Min(high, b.High));
        var step = Nice((high - low) / 5);
        var ticks = new List<(double, string)>();
        for (var i = Math.Ceiling(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
            ticks.Add((i * step, text(i * step, step)));
        return new Axis(label, low, high, false, ticks);
    }

    /// <summary>A logarithmic axis; ticks at 1, 2 and 5 times powers of ten, or at the powers alone where those are many.</summary>
    public static Axis Logarithmic(string label, IEnumerable<double> values, Func<double, string> text)
    {
        values = [.. values];
        var (low, high) = Range(values.Where(v => v > 0).DefaultIfEmpty(1));
        var margin = Math.Max(Math.Pow(high / low, 0.08), 1.15);
        (low, high) = (low / margin, high * margin);
        var decades = Math.Log10(high / low);
        double[] mantissas = decades > 3 ? [1] : decades > 1.4 ? [1, 3] : [1, 2, 5];
        var ticks = new List<(double, string)>();
        for (var power = (int)Math.Floor(Math.Log10(low)); Math.Pow(10, power) <= high; power++)
            foreach (var mantissa in mantissas)
                if (mantissa * Math.Pow(10, power) is var value && value >= low && value <= high)
                    ticks.Add((value, text(value)));
        // A range too narrow for these ticks is nearly linear on the logarithmic scale too.
        return ticks.Count < 3 ? Linear(label, values, (0, double.PositiveInfinity), (value, _) => text(value)) : new Axis(label, low, high, true, ticks);
    }

    /// <summary>Where a value lies, 0 at the low end and 1 at the high one; values beyond lie at the end.</summary>
    public double At(double value)
    {
        var share = _logarithmic ? Math.Log(Math.Max(value, double.Epsilon) / _low) / Math.Log(_high / _low) : (value - _low) / (_high - _low);
        return Math.Clamp(share, 0, 1);
    }

    private static (double Low, double High) Range(IEnumerable<double> values)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (var value in values.Where(double.IsFinite))
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        return low <= high ? (low, high) : (0, 1);
    }

    private static double Nice(double step)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(step)));
        return power * ((step / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
    }
}
