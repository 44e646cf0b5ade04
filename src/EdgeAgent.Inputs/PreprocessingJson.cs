using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeAgent.Inputs;

/// <summary>JSON of <see cref="Preprocessing"/> without reflection, for the AOT-compiled agent.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Preprocessing))]
[JsonSerializable(typeof(PreprocessingDocument))]
internal sealed partial class PreprocessingJson : JsonSerializerContext;

/// <summary>Reads and writes <see cref="Preprocessing"/> wherever it stands in a document.</summary>
public sealed class PreprocessingConverter : JsonConverter<Preprocessing>
{
    public override Preprocessing? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var document = JsonSerializer.Deserialize(ref reader, PreprocessingJson.Default.PreprocessingDocument);
        return document?.Over(new Preprocessing(0, 0));
    }

    public override void Write(Utf8JsonWriter writer, Preprocessing value, JsonSerializerOptions options) => JsonSerializer.Serialize(
        writer,
        PreprocessingDocument.Of(value),
        PreprocessingJson.Default.PreprocessingDocument);
}
