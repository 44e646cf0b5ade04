using System.CommandLine;
using System.Globalization;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Bounds on the values of options.</summary>
internal static class OptionRanges
{
    /// <summary>An option of any number of values, separated by commas or given repeatedly; none unless told.</summary>
    /// <param name="read">A value of its text; null if it is none.</param>
    /// <param name="takes">What the option takes, for the error.</param>
    public static Option<T[]> List<T>(string name, string description, Func<string, T?> read, string takes)
        where T : struct => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => [],
        CustomParser = result =>
        {
            var values = new List<T>();
            foreach (var text in result.Tokens.SelectMany(token => token.Value.Split(',')))
                if (read(text) is { } value)
                    values.Add(value);
                else
                    result.AddError($"'{text}' cannot be read; {takes}");
            return [.. values];
        },
    };

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
