using System.Text.Json;

namespace EdgeAgent.Contracts.Devices;

/// <summary>Reads a JSON document by hand so that every fault is reported with its JSON path.</summary>
internal readonly struct JsonNodeReader
{
    private readonly JsonElement _element;

    public JsonNodeReader(JsonElement element, string path, string source) => (_element, Path, Source) = (element, path, source);

    public string Path { get; }

    private string Source { get; }

    public ProfileException Fault(string message) => new($"{Source}: {Path}: {message}");

    /// <summary>Refuses members that are not named, so that a misspelt one is not silently ignored.</summary>
    public JsonNodeReader Object(params ReadOnlySpan<string> allowed)
    {
        if (_element.ValueKind != JsonValueKind.Object)
            throw Fault($"must be an object, not {Describe(_element.ValueKind)}");
        foreach (var member in _element.EnumerateObject())
            if (!allowed.Contains(member.Name))
                throw new ProfileException($"{Source}: {Path}.{member.Name}: is not known; known are {string.Join(", ", allowed.ToArray())}");
        return this;
    }

    public JsonNodeReader Member(string name) => Optional(name)
        ?? throw new ProfileException($"{Source}: {Path}.{name}: is missing");

    public JsonNodeReader? Optional(string name) =>
        _element.TryGetProperty(name, out var member) ? new JsonNodeReader(member, $"{Path}.{name}", Source) : null;

    public string String()
    {
        if (_element.ValueKind != JsonValueKind.String)
            throw Fault($"must be a string, not {Describe(_element.ValueKind)}");
        return _element.GetString() is { Length: > 0 } text ? text : throw Fault("must not be empty");
    }

    public string OneOf(params ReadOnlySpan<string> allowed)
    {
        var text = String();
        return allowed.Contains(text) ? text : throw Fault($"'{text}' is not one of {string.Join(", ", allowed.ToArray())}");
    }

    public double Number(double min, double max)
    {
        if (_element.ValueKind != JsonValueKind.Number || !_element.TryGetDouble(out var number))
            throw Fault($"must be a number, not {Describe(_element.ValueKind)}");
        return number >= min && number <= max
            ? number
            : throw Fault(FormattableString.Invariant($"{number} is outside [{min}, {max}]"));
    }

    public int Integer(int min, int max)
    {
        var number = Number(min, max);
        return number == Math.Truncate(number) ? (int)number : throw Fault(FormattableString.Invariant($"{number} is not a whole number"));
    }

    public Figure Figure(double min, double max)
    {
        var figure = Object("value", "source");
        return new Figure(figure.Member("value").Number(min, max), figure.Member("source").OneOf("measured", "datasheet", "assumed") switch
        {
            "measured" => FigureSource.Measured,
            "datasheet" => FigureSource.Datasheet,
            _ => FigureSource.Assumed,
        });
    }

    public IEnumerable<JsonNodeReader> Items(int min, int max)
    {
        if (_element.ValueKind != JsonValueKind.Array)
            throw Fault($"must be an array, not {Describe(_element.ValueKind)}");
        var count = _element.GetArrayLength();
        if (count < min || count > max)
            throw Fault($"has {count} entries; {min} to {max} are allowed");
        var (element, path, source) = (_element, Path, Source);
        return Enumerable.Range(0, count).Select(i => new JsonNodeReader(element[i], $"{path}[{i}]", source));
    }

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        JsonValueKind.Null => "null",
        _ => $"a{(kind is JsonValueKind.Object or JsonValueKind.Array ? "n" : "")} {kind.ToString().ToLowerInvariant()}",
    };
}
