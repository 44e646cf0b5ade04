using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Spans of time as people type and read them: 90s, 30m, 1.5h.</summary>
internal static class Durations
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    public static Option<TimeSpan> Option(string name, string description, TimeSpan standard) => new(name)
    {
        Description = $"{description}, such as 90s, 30m or 1.5h",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            if (TryParse(result.Tokens is [var token] ? token.Value : "", out var span))
                return span;
            result.AddError($"{name} is not a span of time; use a number and s, m or h, for example 30m.");
            return default;
        },
    };

    public static bool TryParse(string text, [NotNullWhen(true)] out TimeSpan span)
    {
        span = default;
        if (text.Length < 2 || !double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        var seconds = text[^1] switch { 's' => number, 'm' => number * 60, 'h' => number * 3600, _ => 0 };
        if (seconds <= 0 || seconds > Longest.TotalSeconds)
            return false;
        span = TimeSpan.FromSeconds(seconds);
        return true;
    }

    public static string Text(TimeSpan span) => span switch
    {
        { Ticks: <= 0 } => "0 s",
        { TotalMinutes: < 1 } => Units.Text($"{span.Seconds} s"),
        { TotalHours: < 1 } => Units.Text($"{span.Minutes} min {span.Seconds:00} s"),
        _ => Units.Text($"{(int)span.TotalHours} h {span.Minutes:00} min"),
    };
}
