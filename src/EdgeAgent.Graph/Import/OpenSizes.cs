namespace EdgeAgent.Graph.Import;

/// <summary>
/// Sizes for the axes that a file leaves open beside the batch, as those who load it state them: one for each in the order of the
/// inputs, or one for all. Axes of the same name have the same size.
/// </summary>
internal sealed class OpenSizes(IReadOnlyList<int> sizes)
{
    private readonly Dictionary<string, int> _named = [];
    private int _taken;

    /// <summary>True if sizes were stated and no axis took one.</summary>
    private bool AreUnused => sizes.Count > 0 && _taken == 0;

    /// <summary>Why what was stated does not fit the file; null if it does.</summary>
    public string? Excess => AreUnused ? "leaves no size open but the batch; state none"
        : sizes.Count > 1 && _taken < sizes.Count ? $"leaves {_taken} sizes open beside the batch, and {sizes.Count} are stated" : null;

    /// <summary>The size of the next open axis.</summary>
    /// <param name="input">For the refusal where none is left.</param>
    /// <param name="name">Of the axis, where the format has one.</param>
    public int Take(string input, int axis, string name = "")
    {
        if (name.Length > 0 && _named.TryGetValue(name, out var known))
            return known;
        if (_taken >= sizes.Count && sizes.Count != 1)
            throw new ImportFault($"input '{ModelImportException.OneLine(input)}' has an unknown size along axis {axis}; only the batch (axis 0) may be dynamic: export with a fixed size, or state one (--size N)");
        var size = sizes[sizes.Count == 1 ? 0 : _taken];
        _taken++;
        if (size < 1)
            throw new ImportFault($"input '{ModelImportException.OneLine(input)}' cannot have {size} elements along axis {axis}");
        if (name.Length > 0)
            _named[name] = size;
        return size;
    }
}
