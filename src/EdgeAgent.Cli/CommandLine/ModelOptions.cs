using System.CommandLine;
using System.Globalization;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>Options that several commands share, so that they read the same everywhere.</summary>
internal static class ModelOptions
{
    public static Option<string> Model() => new("--model") { Description = "The model file", Required = true };

    public static Option<string> Data() => new("--data") { Description = "Images: a folder, .zip, .tar or .tar.gz of class folders", Required = true };

    public static Option<string?> Preprocessing() => new("--preprocessing")
    {
        Description = "How pixels become the input: JSON with scale, mean, std, or a file of it (default: as the model's file says, else pixels 0..255)",
    };

    public static Option<int> Threads(int standard) =>
        new Option<int>("--threads") { Description = "Threads of the engine", DefaultValueFactory = _ => standard }.Between(1, 256);

    /// <summary>For models whose images or texts may be of any size.</summary>
    public static Option<int[]> Sizes() => OptionRanges.List<int>("--size", "Sizes of the axes that the model leaves open beside the batch: one for all, or one for each in the order of the inputs (--size 224,160)",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size >= 1 ? size : null,
        "--size takes whole numbers of at least 1, such as 224 or 224,160.");

    public static Option<string?> Engine(params string[] names)
    {
        var option = new Option<string?>("--engine") { Description = $"{string.Join(", ", names)} (default: what the file is for)" };
        option.AcceptOnlyFromAmong(names);
        return option;
    }
}
