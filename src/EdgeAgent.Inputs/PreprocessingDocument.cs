using System.Text.Json;

namespace EdgeAgent.Inputs;

/// <summary>
/// A <see cref="Preprocessing"/> as it is written down: what is absent is as the model has it, or else the default. (Generated
/// readers would set an init-only property that is absent to zero; hence this type with optional members.)
/// </summary>
public sealed record PreprocessingDocument(
    int? Width = null, int? Height = null, TensorLayout? Layout = null, int? Channels = null, float? Scale = null, PerChannel? Mean = null, PerChannel? Std = null)
{
    /// <summary>With every member but the channels of RGB, which are the default.</summary>
    public static PreprocessingDocument Of(Preprocessing value) => new(
        value.Width, value.Height, value.Layout, value.Channels == RgbImage.Channels ? null : value.Channels, value.Scale, value.Mean, value.Std);

    /// <exception cref="InputException">Not the JSON of a pre-processing.</exception>
    public static PreprocessingDocument FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, PreprocessingJson.Default.PreprocessingDocument)
                ?? throw new InputException("pre-processing is null; give an object with scale, mean and std");
        }
        catch (JsonException fault)
        {
            throw new InputException($"pre-processing is not valid JSON at {fault.Path ?? "$"}, line {fault.LineNumber + 1}", fault);
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, PreprocessingJson.Default.PreprocessingDocument);

    /// <summary><paramref name="model"/> with what is said here. Not verified.</summary>
    public Preprocessing Over(Preprocessing model) => model with
    {
        Width = Width ?? model.Width,
        Height = Height ?? model.Height,
        Layout = Layout ?? model.Layout,
        Channels = Channels ?? model.Channels,
        Scale = Scale ?? model.Scale,
        Mean = Mean ?? model.Mean,
        Std = Std ?? model.Std,
    };
}
