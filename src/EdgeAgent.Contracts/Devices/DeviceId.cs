using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace EdgeAgent.Contracts.Devices;

/// <summary>
/// Name of one device, unique in a fleet: <c>[a-z0-9][a-z0-9._-]{0,63}</c>. Safe as a topic level and as a file name.
/// </summary>
[JsonConverter(typeof(DeviceIdConverter))]
public readonly partial record struct DeviceId : IComparable<DeviceId>
{
    private readonly string? _value;

    private DeviceId(string value) => _value = value;

    public string Value => _value ?? throw new InvalidOperationException("an uninitialised device id has no value");

    /// <exception cref="FormatException">The text is not a valid id; the message says what one looks like.</exception>
    public static DeviceId Parse(string text) => TryParse(text, out var id)
        ? id
        : throw new FormatException($"device id '{Shorten(text)}' is not valid: use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit");

    public static bool TryParse([NotNullWhen(true)] string? text, out DeviceId id)
    {
        id = text is not null && Pattern().IsMatch(text) ? new DeviceId(text) : default;
        return id._value is not null;
    }

    public int CompareTo(DeviceId other) => string.CompareOrdinal(_value, other._value);

    public override string ToString() => _value ?? "";

    private static string Shorten(string? text) => text is null ? "" : text.Length <= 80 ? text : text[..80] + "...";

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9._-]{0,63}\z")]
    private static partial Regex Pattern();
}

/// <summary>An id as a string; public for source generators of other assemblies.</summary>
public sealed class DeviceIdConverter : JsonConverter<DeviceId>
{
    public override DeviceId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        DeviceId.TryParse(reader.GetString(), out var id) ? id : throw new JsonException("not a valid device id");

    public override void Write(Utf8JsonWriter writer, DeviceId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}
