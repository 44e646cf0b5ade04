using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>One axis of one constant.</summary>
public readonly record struct ConstantAxis(string Constant, int Axis);

/// <summary>
/// Channels that can only be removed together, in all places: for each axis the positions that belong to the channel
/// (several where a flatten spreads it or a depthwise convolution multiplies it).
/// </summary>
public sealed record Channel(IReadOnlyDictionary<ConstantAxis, int[]> Positions);

/// <summary>
/// A set of interchangeable channels: all have the same kinds of places. A narrower model keeps the first ones of each group.
/// </summary>
/// <param name="Name">Constant and axis by which reports call the group.</param>
/// <param name="Frozen">Model inputs, outputs, and what passes through operators that mix or move channels: kept as it is.</param>
public sealed record ChannelGroup(string Name, IReadOnlyList<Channel> Channels, bool Frozen)
{
    public int Size => Channels.Count;
}

/// <summary>
/// Finds which channels of a graph go together, by union-find over single channels: every position of every axis of every
/// constant is an element, every value carries the elements of its channel axis, and every operator says which it identifies.
/// Residual additions, concatenations, depthwise convolutions, squeeze-and-excite products and flattens need no special case
/// beyond that. Operators not known here freeze what they touch: never wrong, at worst not narrowed.
/// </summary>
public sealed class ChannelDependencies
{
    private readonly GraphSpec _graph;
    private readonly List<int> _parent = [];
    private readonly HashSet<int> _frozenElements = [];
    private readonly Dictionary<ConstantAxis, int[]> _axes = [];
    private readonly Dictionary<string, int[]?> _values = [];

    private readonly Lazy<IReadOnlyDictionary<string, ValueSpec>> _shapes;

    private ChannelDependencies(GraphSpec graph) => (_graph, _shapes) = (graph, new(() => ShapeInference.Infer(graph, -1)));

    /// <summary>Groups in the order in which the graph first uses them; every position of every conv, dense and norm constant's channel axes is in one.</summary>
    public static IReadOnlyList<ChannelGroup> Find(GraphSpec graph) => new ChannelDependencies(graph).Run();

    private IReadOnlyList<ChannelGroup> Run()
    {
        foreach (var node in _graph.Nodes)
            Visit(node);
        foreach (var output in _graph.Outputs)
            Freeze(_values.GetValueOrDefault(output.Name));

        var members = new Dictionary<int, SortedDictionary<int, (ConstantAxis Axis, List<int> Positions)>>();
        var axisOrder = _axes.Keys.Select((axis, i) => (axis, i)).ToArray();
        foreach (var (axis, order) in axisOrder)
            for (var position = 0; position < _axes[axis].Length; position++)
            {
                var places = members.TryGetValue(Root(_axes[axis][position]), out var known) ? known : members[Root(_axes[axis][position])] = [];
                if (!places.TryGetValue(order, out var place))
                    places[order] = place = (axis, []);
                place.Positions.Add(position);
            }
        var frozen = _frozenElements.Select(Root).ToHashSet();
        return members
            .GroupBy(m => string.Join(' ', m.Value.Select(p => $"{p.Key}x{p.Value.Positions.Count}")) + (frozen.Contains(m.Key) ? " frozen" : ""))
            .Select(g => new ChannelGroup(
                $"{g.First().Value.First().Value.Axis.Constant}[{g.First().Value.First().Value.Axis.Axis}]",
                g.Select(m => new Channel(m.Value.Values.ToDictionary(p => p.Axis, p => p.Positions.ToArray()))).ToArray(),
                g.Any(m => frozen.Contains(m.Key))))
            .ToArray();
    }

    private void Visit(Node node)
    {
        var x = node.Inputs.Count > 0 ? _values.GetValueOrDefault(node.Inputs[0]) : null;
        _values[node.Output] = node.Op switch
        {
            Conv conv => VisitConv(conv, node, x),
            Gemm { TransposeA: false } gemm when IsConstant(node, 1) => VisitDense(node, x, gemm.TransposeB ? 1 : 0),
            MatMul when IsConstant(node, 1) && _graph.Constants[node.Inputs[1]].Shape.Length == 2 => VisitDense(node, x, 0),
            BatchNormalization => VisitNorm(node, x),
            UnaryOperator or Identity or MaxPool or AveragePool or GlobalAveragePool or GlobalMaxPool => x,
            ReduceMean mean when !mean.Axes.Contains(1) && !mean.Axes.Contains(0) => x,
            Flatten { Axis: 1 } => x,
            Reshape { Shape: [0 or -1, -1 or > 0] } => x,
            StridedSlice slice when x is not null && slice.Axes.All(a => (a < 0 ? a + _shapes.Value[node.Inputs[0]].Shape.Length : a) > 1) => x,
            Reshape when x is not null && OnesAdded(node, x.Length) => x,
            Pad pad when pad.Pads[1] == 0 && pad.Pads[pad.Pads.Length / 2 + 1] == 0 => x,
            BinaryOperator => VisitElementwise(node),
            Concat { Axis: 1 } => VisitConcat(node),
            Softmax => FrozenCopy(x),
            _ => VisitUnknown(node),
        };
    }

    /// <summary>A vector of channels as an image of one pixel, or the other way round: between a mean and the convolutions of a gate.</summary>
    private bool OnesAdded(Node node, int channels)
    {
        var (from, to) = (_shapes.Value[node.Inputs[0]].Shape, _shapes.Value[node.Output].Shape);
        return from.Length > 1 && to.Length > 1 && from[0] == to[0] && from[1] == channels && to[1] == channels && from[2..].Concat(to[2..]).All(d => d == 1);
    }

    private int[] VisitConv(Conv conv, Node node, int[]? x)
    {
        var outputs = Axis(node.Inputs[1], 0);
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
            Unite(outputs, Axis(node.Inputs[2], 0));
        var perGroup = _graph.Constants[node.Inputs[1]].Shape[1];
        if (conv.Groups == 1)
        {
            var inputs = Axis(node.Inputs[1], 1);
            if (x is null)
                Freeze(inputs);
            else
                Unite(inputs, Spread(x, inputs.Length));
            return outputs;
        }
        if (perGroup == 1 && x is not null && x.Length == conv.Groups)
        {
            // Depthwise: outputs k*m .. k*m+m-1 live and die with input k.
            Unite(outputs, Spread(x, outputs.Length));
            return outputs;
        }
        Freeze(outputs);
        Freeze(x);
        return outputs;
    }

    private int[] VisitDense(Node node, int[]? x, int inputAxis)
    {
        var inputs = Axis(node.Inputs[1], inputAxis);
        var outputs = Axis(node.Inputs[1], 1 - inputAxis);
        if (x is null || inputs.Length % x.Length != 0)
        {
            Freeze(inputs);
            Freeze(x);
        }
        else
            Unite(inputs, Spread(x, inputs.Length));
        if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0 && IsConstant(node, 2))
        {
            var shape = _graph.Constants[node.Inputs[2]].Shape;
            if (shape.Length > 0 && shape[^1] == outputs.Length)
                Unite(outputs, Axis(node.Inputs[2], shape.Length - 1));
        }
        return outputs;
    }

    private int[]? VisitNorm(Node node, int[]? x)
    {
        var channels = Axis(node.Inputs[1], 0);
        for (var i = 2; i <= 4; i++)
            Unite(channels, Axis(node.Inputs[i], 0));
        if (x is null)
            Freeze(channels);
        else
            Unite(channels, x);
        return channels;
    }

    private int[]? VisitElementwise(Node node)
    {
        var tracked = node.Inputs.Where(i => !_graph.Constants.ContainsKey(i)).Select(i => _values.GetValueOrDefault(i)).ToArray();
        if (tracked.Any(t => t is null))
        {
            foreach (var value in tracked)
                Freeze(value);
            return VisitConstants(null);
        }
        var result = tracked.MaxBy(t => t!.Length);
        if (result is null)
            return null;
        foreach (var value in tracked)
            if (value!.Length == result.Length)
                Unite(result, value);
            else if (value.Length != 1)
            {
                Freeze(result);
                Freeze(value);
            }
        return VisitConstants(result);

        int[]? VisitConstants(int[]? channels)
        {
            foreach (var input in node.Inputs)
                if (_graph.Constants.TryGetValue(input, out var constant))
                    for (var axis = 0; axis < constant.Shape.Length; axis++)
                        if (constant.Shape[axis] > 1)
                            UniteOrFreeze(channels, input, axis, constant.Shape.Length);
            return channels;
        }

        void UniteOrFreeze(int[]? channels, string constant, int axis, int rank)
        {
            var elements = Axis(constant, axis);
            // Broadcasting counts from the right: [C,1,1] and [1,C,1,1] meet the channels of an image, [C] those of a vector.
            var channelAxis = rank >= 3 ? rank - 3 : rank - 1;
            if (channels is not null && axis == channelAxis && elements.Length == channels.Length)
                Unite(elements, channels);
            else
            {
                Freeze(elements);
                if (axis == channelAxis)
                    Freeze(channels);
            }
        }
    }

    private int[]? VisitConcat(Node node)
    {
        var parts = node.Inputs.Select(i => _values.GetValueOrDefault(i)).ToArray();
        if (parts.All(p => p is not null))
            return [.. parts.SelectMany(p => p!)];
        foreach (var part in parts)
            Freeze(part);
        return null;
    }

    private int[]? VisitUnknown(Node node)
    {
        foreach (var input in node.Inputs)
            Freeze(_values.GetValueOrDefault(input));
        return null;
    }

    private int[]? FrozenCopy(int[]? x)
    {
        Freeze(x);
        return x;
    }

    private bool IsConstant(Node node, int input) => _graph.Constants.ContainsKey(node.Inputs[input]);

    private int[] Axis(string constant, int axis)
    {
        var key = new ConstantAxis(constant, axis);
        if (_axes.TryGetValue(key, out var elements))
            return elements;
        elements = new int[_graph.Constants[constant].Shape[axis]];
        for (var i = 0; i < elements.Length; i++)
        {
            elements[i] = _parent.Count;
            _parent.Add(_parent.Count);
        }
        return _axes[key] = elements;
    }

    /// <summary>Channels as a flatten (channel by channel) or a channel multiplier repeats them.</summary>
    private static int[] Spread(int[] channels, int length)
    {
        if (length % channels.Length != 0)
            throw new InvalidGraphException($"{channels.Length} channels cannot fill {length} inputs evenly");
        var times = length / channels.Length;
        return times == 1 ? channels : [.. channels.SelectMany(c => Enumerable.Repeat(c, times))];
    }

    private void Unite(int[] a, int[] b)
    {
        if (a.Length != b.Length)
            throw new InvalidGraphException($"an operator meets {a.Length} channels where {b.Length} are expected");
        for (var i = 0; i < a.Length; i++)
            _parent[Math.Max(Root(a[i]), Root(b[i]))] = Math.Min(Root(a[i]), Root(b[i]));
    }

    private void Freeze(int[]? elements)
    {
        if (elements is not null)
            _frozenElements.UnionWith(elements);
    }

    private int Root(int element)
    {
        while (_parent[element] != element)
            element = _parent[element] = _parent[_parent[element]];
        return element;
    }
}
