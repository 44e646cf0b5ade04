using System.Text.Json;

namespace EdgeAgent.Inputs;

/// <summary>
/// How images become a model's input: as the user says, else as the model's file says, else plain pixels. A file says it in
/// its metadata: <c>preprocessing</c>, as <see cref="Preprocessing.ToJson"/> writes it, and <c>labels</c>, a JSON array of the
/// names of the classes in the order of the outputs.
/// </summary>
public static class ModelInput
{
    public const string PreprocessingKey = "preprocessing", LabelsKey = "labels";

    /// <param name="model">Named in errors.</param>
    /// <param name="shape">Of the model's input, the batch first.</param>
    /// <param name="given">The user's; what it leaves open is the model's.</param>
    /// <param name="metadata">Of the model's file.</param>
    /// <exception cref="InputException">The input is no image, or another one than the user's pre-processing makes.</exception>
    public static Preprocessing PreprocessingFor(string model, IReadOnlyList<int> shape, PreprocessingDocument? given, IReadOnlyDictionary<string, string> metadata)
    {
        var plain = shape switch
        {
            [_, RgbImage.Channels or 1, var height, var width] => new Preprocessing(width, height) { Channels = shape[1] },
            [_, var height, var width, RgbImage.Channels or 1] => new Preprocessing(width, height) { Channels = shape[3], Layout = TensorLayout.Nhwc },
            _ => throw new InputException($"{model}: the input has the shape [{string.Join(',', shape)}]; images are N x 3 x H x W or N x H x W x 3, or grey with 1 in place of 3"),
        };
        if (given is null)
            return Stored(metadata, plain) ?? plain;
        var preprocessing = given.Over(plain);
        return Fits(preprocessing, plain) && preprocessing.Layout == plain.Layout
            ? preprocessing.Verify()
            : throw new InputException($"{model}: the pre-processing makes {Describe(preprocessing)}, the model's input is {Describe(plain)}; leave size, channels and layout away to have the model's");
    }

    /// <summary>Names of the classes in the order of the outputs; null where the file does not say.</summary>
    public static IReadOnlyList<string>? LabelsOf(IReadOnlyDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue(LabelsKey, out var text))
            return null;
        try
        {
            using var labels = JsonDocument.Parse(text);
            return labels.RootElement.ValueKind == JsonValueKind.Array && labels.RootElement.EnumerateArray().All(l => l.ValueKind == JsonValueKind.String)
                ? [.. labels.RootElement.EnumerateArray().Select(l => l.GetString()!)]
                : null;
        }
        catch (JsonException)
        {
            // Another tool's labels, in another form.
            return null;
        }
    }

    /// <summary>The file's own, if it fits the input: another tool may mean something else by the same word. The layout is the input's, for a converted file may have changed it.</summary>
    private static Preprocessing? Stored(IReadOnlyDictionary<string, string> metadata, Preprocessing plain)
    {
        if (!metadata.TryGetValue(PreprocessingKey, out var text))
            return null;
        try
        {
            var stored = Preprocessing.FromJson(text);
            return Fits(stored, plain) ? stored with { Layout = plain.Layout } : null;
        }
        catch (InputException)
        {
            return null;
        }
    }

    private static bool Fits(Preprocessing preprocessing, Preprocessing plain) =>
        (preprocessing.Width, preprocessing.Height, preprocessing.Channels) == (plain.Width, plain.Height, plain.Channels);

    private static string Describe(Preprocessing preprocessing) =>
        $"{preprocessing.Width} x {preprocessing.Height} x {preprocessing.Channels} ({preprocessing.Layout.ToString().ToLowerInvariant()})";
}
