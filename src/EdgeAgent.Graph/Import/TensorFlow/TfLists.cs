using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Lists of tensors, by which TensorFlow's loops read a sequence step by step and collect what they compute.</summary>
internal static class TfLists
{
    /// <summary>A loop has a step for each element; each step is a copy of its body.</summary>
    private const int MaxLength = 1 << 11;

    public static IReadOnlyList<TfValue> Reserve(TfNode node, ChannelsLastGraph graph) =>
        [new TfValue.List(new TfValue?[Length(node, node.Ints(1, "length") is [var length] ? length : -1)])];

    /// <summary>The parts of a tensor along its first axis.</summary>
    public static IReadOnlyList<TfValue> FromTensor(TfNode node, ChannelsLastGraph graph)
    {
        var x = new Laid(graph.Plain(node.Data(0)));
        var shape = graph.Shape(x);
        var length = Length(node, shape.Length > 0 ? shape[0] : -1);
        return [new TfValue.List([.. Enumerable.Range(0, length).Select(i => (TfValue)new TfValue.Data(
            graph.Reshape($"{node.Name}_{i}", graph.Slice($"{node.Name}_part_{i}", x, new([i], [i + 1], [0], [1])), shape[1..], node.Fault)))])];
    }

    public static IReadOnlyList<TfValue> Get(TfNode node, ChannelsLastGraph graph)
    {
        var (list, index) = At(node);
        return [list.Items[index] ?? throw node.Fault($"reads element {index} of a list, which nothing has set")];
    }

    public static IReadOnlyList<TfValue> Set(TfNode node, ChannelsLastGraph graph)
    {
        var (list, index) = At(node);
        var items = list.Items.ToArray();
        items[index] = node.Input(2);
        return [new TfValue.List(items)];
    }

    /// <summary>All elements as one tensor, along a new first axis.</summary>
    public static IReadOnlyList<TfValue> Stack(TfNode node, ChannelsLastGraph graph)
    {
        var list = node.Input(0) as TfValue.List ?? throw node.Fault("stacks something that is no list");
        var parts = new List<string>();
        foreach (var (i, item) in list.Items.Index())
        {
            Laid x = item is null ? throw node.Fault($"stacks element {i} of a list, which nothing has set") : new(graph.Plain(node.Data(item, i)));
            parts.Add(graph.Reshape($"{node.Name}_{i}", x, [1, .. graph.Shape(x)], node.Fault).Name);
        }
        return [new TfValue.Data(new(parts.Count == 1 ? parts[0] : graph.Assembly.Emit(node.Name, new Concat(0), [.. parts])))];
    }

    public static IReadOnlyList<TfValue> Count(TfNode node, ChannelsLastGraph graph) =>
        [new TfValue.Folded(new(ElementType.Int32, [], [new((node.Input(0) as TfValue.List ?? throw node.Fault("counts something that is no list")).Items.Count)]))];

    private static (TfValue.List List, int Index) At(TfNode node)
    {
        var list = node.Input(0) as TfValue.List ?? throw node.Fault("has something that is no list");
        return node.Ints(1, "index") is [var index] && index >= 0 && index < list.Items.Count ? (list, index) : throw node.Fault($"its index is outside a list of {list.Items.Count}");
    }

    private static int Length(TfNode node, int length) =>
        length is > 0 and <= MaxLength ? length : throw node.Fault($"makes a list of {length} elements; up to {MaxLength} are supported, and their number must not depend on the batch");
}
