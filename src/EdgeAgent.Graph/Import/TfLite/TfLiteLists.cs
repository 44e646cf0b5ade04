using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>
/// Tensors that a loop cuts and joins along their first axis, an element at a step: what converters make of TensorFlow's lists. Written out,
/// each step would copy the whole; here it is only kept of which parts a tensor consists, and where something reads its numbers
/// it is joined from these. Zeros that a list begins with, and which the loop replaces one by one, are gone then.
/// </summary>
internal sealed class TfLiteLists
{
    /// <summary>Elements of a value that is no list.</summary>
    private readonly record struct Part(string Value, int From, int Count);

    /// <summary>Parts of all lists together: a loop has a list for each of its steps.</summary>
    private const int MaxParts = 1 << 22;

    private readonly Dictionary<string, IReadOnlyList<Part>> _parts = [];
    private readonly Dictionary<string, string> _joined = [];

    /// <summary>Which list a value was joined from.</summary>
    private readonly Dictionary<string, string> _lists = [];

    private int _held;

    /// <summary>The value itself, or what a list is joined to.</summary>
    public string Whole(TfLiteNode node, TfLiteGraphBuilder graph, string value)
    {
        if (!_parts.TryGetValue(value, out var parts))
            return value;
        if (_joined.TryGetValue(value, out var joined))
            return joined;
        if (parts.Count == 0)
            throw node.Fault("reads an empty tensor, which is not supported");
        string[] pieces = [.. parts.Select(p => Piece(node, graph, p))];
        if (pieces.Length == 1)
            return _joined[value] = pieces[0];
        joined = graph.Emit(node, new Concat(0), pieces);
        _lists[joined] = value;
        return _joined[value] = joined;
    }

    /// <summary>Keeps in mind that a value has another name.</summary>
    public void Rename(string value, string name)
    {
        if (_lists.Remove(value, out var list))
            (_joined[list], _lists[name]) = (name, list);
    }

    /// <summary>Joins along the first axis.</summary>
    public void Join(TfLiteNode node, TfLiteGraphBuilder graph, string[] values) => Define(node, graph, values.SelectMany(v => Parts(graph, v)), values[0]);

    /// <summary>Whether tensors have elements of one shape.</summary>
    public static bool Fit(TfLiteGraphBuilder graph, string[] values) =>
        Array.TrueForAll(values, v => graph.Shape(v).Length > 0 && graph.Shape(v).AsSpan(1).SequenceEqual(graph.Shape(values[0]).AsSpan(1)) && graph.Type(v) == graph.Type(values[0]));

    /// <summary>Elements from one to before another.</summary>
    public void Slice(TfLiteNode node, TfLiteGraphBuilder graph, string value, int from, int to) => Define(node, graph, Cut(Parts(graph, value), from, to), value);

    /// <summary>A list with some elements in the place of its own.</summary>
    public static void Update(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var (x, update, start) = (graph.Value(node, 0), graph.Value(node, 1), graph.Ints(node, 2));
        var (shape, own) = (graph.Shape(x), graph.Shape(update));
        if (shape.Length == 0 || own.Length != shape.Length || start.Length != shape.Length || !own.AsSpan(1).SequenceEqual(shape.AsSpan(1)) || own[0] > shape[0])
            throw node.Fault($"puts [{string.Join(',', own)}] into [{string.Join(',', shape)}]; only whole elements of the first axis are supported");
        var lists = graph.Lists;
        var (from, parts) = (Math.Clamp(start[0], 0, shape[0] - own[0]), lists.Parts(graph, x));
        lists.Define(node, graph, [.. Cut(parts, 0, from), .. lists.Parts(graph, update), .. Cut(parts, from + own[0], shape[0])], x);
    }

    /// <summary>One element without its axis.</summary>
    public void Element(TfLiteNode node, TfLiteGraphBuilder graph, string value, int index)
    {
        var shape = graph.Shape(value);
        var at = index < 0 ? index + shape[0] : index;
        if (at < 0 || at >= shape[0])
            throw node.Fault($"index {index} is outside [0,{shape[0]})");
        var piece = Piece(node, graph, Cut(Parts(graph, value), at, at + 1)[0]);
        graph.Define(node, graph.Emit(node, new Reshape(shape.Length == 1 ? [] : [-1, .. shape[2..].Select(d => (long)d)]), piece));
    }

    private IReadOnlyList<Part> Parts(TfLiteGraphBuilder graph, string value) => _parts.TryGetValue(value, out var parts) ? parts : [new(value, 0, graph.Shape(value)[0])];

    private static List<Part> Cut(IReadOnlyList<Part> parts, int from, int to)
    {
        var cut = new List<Part>();
        var start = 0;
        foreach (var part in parts)
        {
            var (first, last) = (Math.Max(from - start, 0), Math.Min(to - start, part.Count));
            if (first < last)
                cut.Add(new(part.Value, part.From + first, last - first));
            start += part.Count;
        }
        return cut;
    }

    private static string Piece(TfLiteNode node, TfLiteGraphBuilder graph, Part part) => part.From == 0 && part.Count == graph.Shape(part.Value)[0]
        ? part.Value
        : graph.Emit(node, new StridedSlice([part.From], [part.From + part.Count], [0], [1]), part.Value);

    /// <param name="like">A value of its type, and of its shape but for the first axis.</param>
    private void Define(TfLiteNode node, TfLiteGraphBuilder graph, IEnumerable<Part> parts, string like)
    {
        var merged = new List<Part>();
        foreach (var part in parts)
        {
            if (++_held > MaxParts)
                throw node.Fault("with all loops written out its lists are too large");
            if (merged is [.., var last] && last.Value == part.Value && last.From + last.Count == part.From)
                merged[^1] = last with { Count = last.Count + part.Count };
            else
                merged.Add(part);
        }
        if (merged is [var only] && only.From == 0 && only.Count == graph.Shape(only.Value)[0])
        {
            graph.Define(node, only.Value);
            return;
        }
        long rows = merged.Sum(p => (long)p.Count);
        if (rows * ShapeInference.ElementsPerSample([1, .. graph.Shape(like)[1..]]) > ShapeInference.MaxElements)
            throw node.Fault($"makes a list of {rows} elements, which with all loops written out is too large");
        var list = graph.Declare(node, "list", graph.Type(like), [(int)rows, .. graph.Shape(like)[1..]]);
        _parts[list] = merged;
        graph.Define(node, list);
    }
}
