using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.Engines;

/// <summary>How images become a model's input: as the user says, else plain RGB 0..255 in the size and layout of the input.</summary>
internal static class ModelPreprocessing
{
    /// <param name="model">Named in errors.</param>
    /// <param name="shape">Shape of the model's input, the batch first.</param>
    /// <param name="given">A JSON document, or the path of one; null for plain pixels.</param>
    public static Preprocessing For(string model, IReadOnlyList<int> shape, string? given)
    {
        var plain = shape switch
        {
            [_, RgbImage.Channels, var height, var width] => new Preprocessing(width, height),
            [_, var height, var width, RgbImage.Channels] => new Preprocessing(width, height) { Layout = TensorLayout.Nhwc },
            _ => throw new CommandException($"{model}: the input has shape {Units.Shape(shape)}; images need N x 3 x H x W or N x H x W x 3"),
        };
        if (given is null)
            return plain;
        var preprocessing = Read(given);
        if (preprocessing.Width != plain.Width || preprocessing.Height != plain.Height || preprocessing.Layout != plain.Layout)
            throw new CommandException($"{model}: the input has shape {Units.Shape(shape)}, which the pre-processing ({preprocessing.Width} x {preprocessing.Height}, {preprocessing.Layout.ToString().ToLowerInvariant()}) does not make");
        return preprocessing;
    }

    /// <param name="given">A JSON document, or the path of one.</param>
    public static Preprocessing Read(string given) => Preprocessing.FromJson(given.TrimStart().StartsWith('{') ? given : ReadFile(given));

    private static string ReadFile(string path) => File.Exists(path)
        ? File.ReadAllText(path)
        : throw new CommandException($"{path}: no such file; --preprocessing takes a JSON object or the path of one");
}
