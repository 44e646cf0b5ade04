namespace EdgeAgent.Graph.Import.Keras;

/// <summary>An output of one call of a layer.</summary>
internal readonly record struct KerasReference(string Layer, int Call, int Tensor)
{
    /// <summary>["name", call, tensor, ...], or null if <paramref name="json"/> is something else.</summary>
    public static KerasReference? TryRead(KerasJson json) =>
        json.IsArray && json.Items is [{ IsText: true } name, { IsNumber: true } call, { IsNumber: true } tensor, ..] ? new(name.Text(), call.Int(0), tensor.Int(0)) : null;

    /// <summary>One reference or a list of them.</summary>
    public static IReadOnlyList<KerasReference> List(KerasJson json, KerasLayer model)
    {
        if (TryRead(json) is { } single)
            return [single];
        var items = json.IsObject ? [.. json.Element.EnumerateObject().Select(p => json with { Element = p.Value })] : json.Items;
        return [.. items.Select(i => TryRead(i) ?? throw model.Fault("names an input or output that is no output of a layer"))];
    }
}

/// <summary>What a layer is called with: the output of another, or a number; by position, or by name where it has one.</summary>
internal readonly record struct KerasArgument(KerasReference? Reference, float Number, string Name = "")
{
    public static KerasArgument Of(KerasReference reference, string name = "") => new(reference, 0, name);
}
