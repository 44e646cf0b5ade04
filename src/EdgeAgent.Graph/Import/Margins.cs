namespace EdgeAgent.Graph.Import;

/// <summary>Padding with elements of the value itself, which the IR writes as a Gather of each padded axis.</summary>
internal static class Margins
{
    /// <summary>The position of the element that stands at a position before 0 or behind the last of <c>size</c>.</summary>
    public delegate int Rule(int position, int size);

    /// <summary>Mirrored at the outermost element, which is not repeated: c b | a b c | b a.</summary>
    public static int Reflect(int position, int size) => position < 0 ? -position : 2 * (size - 1) - position;

    /// <summary>Mirrored behind the outermost element: b a | a b c | c b.</summary>
    public static int Symmetric(int position, int size) => position < 0 ? -position - 1 : 2 * size - 1 - position;

    /// <summary>The outermost element: a a | a b c | c c.</summary>
    public static int Edge(int position, int size) => position < 0 ? 0 : size - 1;

    /// <summary>The other end: b c | a b c | a b.</summary>
    public static int Wrap(int position, int size) => position < 0 ? position + size : position - size;

    /// <summary>Which elements of an axis make up the padded one; negative pads cut off.</summary>
    public static int[] Indices(int size, int before, int behind, Rule rule, Func<string, Exception> fault)
    {
        if (size < 1 || before is < -(1 << 20) or > 1 << 20 || behind is < -(1 << 20) or > 1 << 20 || size + (long)before + behind < 1)
            throw fault($"pads of {before} and {behind} do not fit an axis of {size}");
        var indices = Enumerable.Range(-before, size + before + behind).Select(p => p < 0 || p >= size ? rule(p, size) : p).ToArray();
        return indices.All(i => i >= 0 && i < size) ? indices : throw fault($"pads of {before} and {behind} are more than an axis of {size} can give");
    }
}
