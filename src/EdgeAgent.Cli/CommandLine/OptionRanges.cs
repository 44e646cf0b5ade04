using System.CommandLine;
using System.Globalization;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Bounds on the values of options.</summary>
internal static class OptionRanges
{
    /// <summary>Refuses values outside [<paramref name="min"/>, <paramref name="max"/>], and what is no number.</summary>
    public static Option<T> Between<T>(this Option<T> option, T min, T max)
        where T : IComparable<T>
    {
        var bounds = string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be between {min} and {max}.");
        return option.Accept(value => value.CompareTo(min) >= 0 && value.CompareTo(max) <= 0, bounds);
    }

    /// <summary>Refuses values that do not satisfy <paramref name="valid"/>, and what cannot be read as one.</summary>
    public static Option<T> Accept<T>(this Option<T> option, Func<T, bool> valid, string message)
    {
        option.Validators.Add(result =>
        {
            try
            {
                if (result.GetValueOrDefault<T>() is { } value && valid(value))
                    return;
            }
            catch (InvalidOperationException)
            {
                // The text is not of the option's type.
            }
            result.AddError(message);
        });
        return option;
    }
}
