using System.Text.Json;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Typed reading of Keras's JSON; what is missing has the default, what has another type is a fault of the layer named.</summary>
internal readonly record struct KerasJson(JsonElement Element, string Place)
{
    public static KerasJson Parse(ReadOnlyMemory<byte> utf8, string place)
    {
        try
        {
            return new(JsonDocument.Parse(utf8).RootElement, place);
        }
        catch (JsonException e)
        {
            throw new ImportFault($"{place} is no JSON ({ModelImportException.OneLine(e.Message)}); copy or save the model again");
        }
    }

    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsArray => Element.ValueKind == JsonValueKind.Array;

    public bool IsObject => Element.ValueKind == JsonValueKind.Object;

    public bool IsText => Element.ValueKind == JsonValueKind.String;

    public bool IsNumber => Element.ValueKind == JsonValueKind.Number;

    /// <summary>The first of <paramref name="names"/> that is present and not null (a setting's name in Keras 3, 2 and 1).</summary>
    public KerasJson this[params ReadOnlySpan<string> names]
    {
        get
        {
            foreach (var name in names)
                if (IsObject && Element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
                    return this with { Element = value };
            return this with { Element = default };
        }
    }

    public IReadOnlyList<KerasJson> Items
    {
        get
        {
            var place = Place;
            return IsArray ? [.. Element.EnumerateArray().Select(e => new KerasJson(e, place))] : IsNull ? [] : throw Fault($"has {Element.ValueKind} where a list is needed");
        }
    }

    public string Text(string otherwise = "")
    {
        if (IsNull)
            return otherwise;
        try
        {
            return IsText ? Element.GetString()! : throw Fault($"has {Element.ValueKind} where a text is needed");
        }
        catch (InvalidOperationException)
        {
            // JSON's syntax allows escapes and bytes that are no Unicode; they are found when a text is asked for.
            throw Fault("has a text that is no Unicode; the file is damaged");
        }
    }

    public bool Flag(bool otherwise) => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Undefined or JsonValueKind.Null => otherwise,
        _ => throw Fault($"has {Element.ValueKind} where true or false is needed"),
    };

    public double Number(double otherwise) => IsNull ? otherwise : IsNumber && Element.TryGetDouble(out var value) ? value : throw Fault($"has {Element.ValueKind} where a number is needed");

    public int Int(int otherwise) => IsNull ? otherwise : IsNumber && Element.TryGetInt32(out var value) ? value : throw Fault($"has '{ModelImportException.OneLine(Element.ToString())}' where a whole number is needed");

    /// <summary>One number for every axis, or the same for all.</summary>
    public int[]? Ints(int count)
    {
        if (IsNull)
            return null;
        if (IsNumber)
            return Enumerable.Repeat(Int(0), count).ToArray();
        var values = Items.Select(i => i.Int(0)).ToArray();
        return values.Length == count ? values : throw Fault($"has {values.Length} numbers where {count} are needed");
    }

    public ImportFault Fault(string what) => new($"{Place}: {what}");
}
