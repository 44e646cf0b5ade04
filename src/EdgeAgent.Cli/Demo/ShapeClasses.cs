namespace EdgeAgent.Cli.Demo;

/// <summary>Outlines of the generated images' objects.</summary>
internal enum Outline
{
    Circle,
    Cross,
    Square,
    Triangle,
}

/// <summary>How an object's inside is painted.</summary>
internal enum Texture
{
    Dots,
    Plain,
    Stripes,
}

/// <summary>One class of the generated data: an outline with a texture; colour, place, size and angle say nothing.</summary>
internal readonly record struct ShapeClass(Outline Outline, Texture Texture)
{
    /// <summary>All classes, in the ordinal order of their names, which is the order of the labels.</summary>
    public static IReadOnlyList<ShapeClass> All { get; } =
    [
        .. Enum.GetValues<Outline>()
            .SelectMany(outline => Enum.GetValues<Texture>().Select(texture => new ShapeClass(outline, texture)))
            .OrderBy(c => c.Name, StringComparer.Ordinal),
    ];

    public string Name => $"{Texture}-{Outline}".ToLowerInvariant();
}
