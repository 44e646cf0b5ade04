using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeAgent.Inputs;

/// <summary>JSON of <see cref="Preprocessing"/> without reflection, for the AOT-compiled agent.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Preprocessing))]
[JsonSerializable(typeof(PreprocessingDocument))]
internal sealed partial class PreprocessingJson : JsonSerializerContext;

/// <summary>
/// The document as written. A field that is absent means its default, which generated readers of init-only properties
/// would replace by zero; hence this type with optional fields in between.
/// </summary>
internal sealed record PreprocessingDocument(int Width, int Height, TensorLayout? Layout = null, float? Scale = null, PerChannel? Mean = null, PerChannel? Std = null);

/// <summary>Reads and writes <see cref="Preprocessing"/> wherever it stands in a document.</summary>
public sealed class PreprocessingConverter : JsonConverter<Preprocessing>
{
    public override Preprocessing? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var document = JsonSerializer.Deserialize(ref reader, PreprocessingJson.Default.PreprocessingDocument);
        if (document is null)
            return null;
        var plain = new Preprocessing(document.Width, document.Height);
        return plain with
        {
            Layout = document.Layout ?? plain.Layout,
            Scale = document.Scale ?? plain.Scale,
            Mean = document.Mean ?? plain.Mean,
            Std = document.Std ?? plain.Std,
        };
    }

    public override void Write(Utf8JsonWriter writer, Preprocessing value, JsonSerializerOptions options) => JsonSerializer.Serialize(
        writer,
        new PreprocessingDocument(value.Width, value.Height, value.Layout, value.Scale, value.Mean, value.Std),
        PreprocessingJson.Default.PreprocessingDocument);
}
