using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Converters of operators that pick, repeat and rearrange elements.</summary>
internal static class TfMovement
{
    public static IReadOnlyList<TfValue> ArgMax(TfNode node, ChannelsLastGraph graph)
    {
        var axis = node.Axis(node.Ints(1, "axis") is [var given] ? given : throw node.Fault("its axis is no single number"), node.Shape(0).Length);
        Laid index = new(graph.Assembly.Emit(node.Name, new ArgMax(axis, KeepDims: false), graph.Plain(node.Data(0))));
        return [new TfValue.Data((TfType)node.Type("output_type") == TfType.Int32 ? graph.Cast(node.Name + "_int32", index, ElementType.Int32) : index)];
    }

    /// <summary>To a shape in which the batch stays where it is, or is what a single row is repeated for.</summary>
    public static Laid BroadcastTo(TfNode node, ChannelsLastGraph graph)
    {
        var (x, from, to) = (new Laid(graph.Plain(node.Data(0))), node.Shape(0), node.Folded(1)?.Numbers ?? throw node.Fault("its shape is not known at import"));
        int[] aligned = [.. Enumerable.Repeat(1, Math.Max(0, to.Length - from.Length)), .. from];
        if (aligned.Length != to.Length || to.Length > 8 || to.Any(d => d.PerBatch == 0 && d.Value is < 1 or > 1 << 28))
            throw node.Fault($"cannot broadcast [{string.Join(',', from)}] to {to.Length} axes");
        if (to.Zip(aligned).Any(d => d.First.PerBatch != 0 && d.Second == 1))
            return graph.PerSample(node.Name, to, x, node.Fault);
        if (to.Zip(aligned).Any(d => d.First.PerBatch != 0 && d.First != FoldedNumber.OfDimension(d.Second)))
            throw node.Fault($"cannot broadcast [{string.Join(',', from)}] to a shape that depends on the batch in another way");
        // Expand keeps the size of what it is given 1 for.
        return new(graph.Assembly.Emit(node.Name, new Expand([.. to.Select(d => d.PerBatch != 0 ? 1 : (long)d.Value)]), x.Name));
    }

    /// <summary>A new axis on which the element at the index has one value and all others another.</summary>
    public static Laid OneHot(TfNode node, ChannelsLastGraph graph)
    {
        var (assembly, shape) = (graph.Assembly, node.Shape(0));
        var axis = node.Axis(node.Int("axis", -1), shape.Length + 1);
        if (node.Ints(1, "depth") is not [>= 1 and <= 1 << 20 and var depth])
            throw node.Fault("its depth is no size");
        var indices = graph.Reshape(node.Name + "_indices", node.Data(0), [.. shape[..axis], 1, .. shape[axis..]], node.Fault);
        int[] along = [.. Enumerable.Repeat(1, axis), depth, .. Enumerable.Repeat(1, shape.Length - axis)];
        var places = assembly.Constant(node.Name + "_places", assembly.Value(indices.Name).Type == ElementType.Int64
            ? Tensor.Of(Enumerable.Range(0, depth).Select(i => (long)i).ToArray(), along)
            : Tensor.Of(Enumerable.Range(0, depth).ToArray(), along));
        var equal = assembly.Emit(node.Name + "_equal", new Equal(), indices.Name, places);
        return new(assembly.Emit(node.Name, new Where(), equal, graph.Plain(node.Data(2)), graph.Plain(node.Data(3))));
    }

    public static Laid Concat(TfNode node, ChannelsLastGraph graph, IEnumerable<int> parts, int axis)
    {
        var values = parts.Select(node.Data).ToList();
        if (values.Count == 0 || node.Ints(axis, "axis") is not [var given])
            throw node.Fault("joins nothing, or its axis is no number");
        return graph.Concat(node.Name, values, node.Axis(given, graph.Shape(values[0]).Length));
    }

    public static Laid Gather(TfNode node, ChannelsLastGraph graph)
    {
        if (node.Int("batch_dims", 0) != 0)
            throw node.Fault("gathers by batch, which is not supported");
        var axis = node.InputCount > 2 ? node.Ints(2, "axis") is [var given] ? given : throw node.Fault("its axis is no single number") : 0;
        return new(graph.Assembly.Emit(node.Name, new Gather(node.Axis(axis, node.Shape(0).Length)), graph.Plain(node.Data(0)), graph.Plain(node.Data(1))));
    }

    /// <summary>Elements of the value itself as its margin.</summary>
    public static Laid MirrorPad(TfNode node, ChannelsLastGraph graph)
    {
        var (x, given) = (new Laid(graph.Plain(node.Data(0))), node.Ints(1, "paddings"));
        var shape = node.Shape(0);
        Margins.Rule rule = node.Text("mode", "REFLECT") == "SYMMETRIC" ? Margins.Symmetric : Margins.Reflect;
        if (given.Length != 2 * shape.Length)
            throw node.Fault($"{given.Length} paddings do not fit {shape.Length} axes");
        for (var axis = 0; axis < shape.Length; axis++)
            if (given[2 * axis] != 0 || given[2 * axis + 1] != 0)
            {
                var indices = Margins.Indices(shape[axis], given[2 * axis], given[2 * axis + 1], rule, node.Fault);
                x = new(graph.Assembly.Emit(node.Name, new Gather(axis), x.Name, graph.Assembly.Constant(node.Name + "_mirrored", Tensor.Of(indices, indices.Length))));
            }
        return x;
    }

    /// <summary>Joined along a new axis.</summary>
    public static Laid Pack(TfNode node, ChannelsLastGraph graph)
    {
        if (node.InputCount == 0)
            throw node.Fault("joins nothing");
        var axis = node.Axis(node.Int("axis", 0), node.Shape(0).Length + 1);
        return graph.Concat(node.Name, [.. Enumerable.Range(0, node.InputCount).Select(i =>
            graph.Reshape($"{node.Name}_{i}", node.Data(i), [.. node.Shape(i)[..axis], 1, .. node.Shape(i)[axis..]], node.Fault))], axis);
    }

    public static Laid Pad(TfNode node, ChannelsLastGraph graph, float value)
    {
        var rank = node.Shape(0).Length;
        var given = node.Ints(1, "paddings");
        if (given.Length != 2 * rank)
            throw node.Fault($"{given.Length} paddings do not fit {rank} axes");
        var pads = new int[2 * rank];
        for (var axis = 0; axis < rank; axis++)
            (pads[axis], pads[axis + rank]) = (given[2 * axis], given[2 * axis + 1]);
        return graph.Pad(node.Name, node.Data(0), pads, value);
    }

    public static Laid Reshape(TfNode node, ChannelsLastGraph graph)
    {
        var target = node.Folded(1) ?? throw node.Fault("its target shape is not known at import");
        return graph.Reshape(node.Name, node.Data(0), TfShapes.Target(node, node.Shape(0), target), node.Fault);
    }

    public static Laid Sliced(TfNode node, ChannelsLastGraph graph, TfSlices cuts)
    {
        var part = graph.Slice(node.Name, node.Data(0), cuts.ToOperator());
        return graph.Reshape(node.Name + "_shape", part, cuts.Reshaped(graph.Shape(part)), node.Fault);
    }

    public static IReadOnlyList<TfValue> Split(TfNode node, ChannelsLastGraph graph, int input, int axis, int[]? sizes)
    {
        var size = node.Shape(input)[axis];
        var count = node.Int("num_split", 0);
        if (sizes is null)
        {
            if (count is < 1 or > 1024 || size < 0 || size % count != 0)
                throw node.Fault($"cannot split {size} into {count} equal parts");
            sizes = Enumerable.Repeat((int)(size / count), (int)count).ToArray();
        }
        if (size < 0 || sizes.Length > 1024 || sizes.Any(s => s < 1) || sizes.Sum(s => (long)s) != size)
            throw node.Fault($"parts of [{string.Join(',', sizes.Take(16))}] do not make up axis {axis} of [{string.Join(',', node.Shape(input))}]");
        var start = 0;
        return [.. sizes.Select((part, i) => (TfValue)new TfValue.Data(graph.Slice($"{node.Name}_{i}", node.Data(input), new([start], [start += part], [axis], [1]))))];
    }

    public static Laid Tile(TfNode node, ChannelsLastGraph graph)
    {
        var shape = node.Shape(0);
        if (node.Folded(1) is not { } repeats || repeats.Numbers.Length != shape.Length)
            throw node.Fault("its repeats are not known at import");
        // A single row for every sample.
        if (repeats.Numbers[0] == new FoldedNumber(0, 1) && shape[0] == 1 && graph.Assembly.Value(graph.Plain(node.Data(0))).Type == ElementType.Float32 && repeats.Numbers[1..].All(r => r == new FoldedNumber(1)))
            return graph.PerSample(node.Name, [new(0, 1), .. shape[1..].Select(d => new FoldedNumber(d))], new(graph.Plain(node.Data(0))), node.Fault);
        var (x, counts) = (node.Data(0), node.Ints(1, "repeats"));
        for (var axis = 0; axis < shape.Length; axis++)
            x = counts[axis] switch
            {
                1 => x,
                > 1 and <= 1 << 12 => graph.Concat(node.Name, [.. Enumerable.Repeat(x, counts[axis])], axis),
                _ => throw node.Fault($"repeats {counts[axis]} times, which is not supported"),
            };
        return x;
    }

    public static IReadOnlyList<TfValue> Unpack(TfNode node, ChannelsLastGraph graph)
    {
        var shape = node.Shape(0);
        var axis = node.Axis(node.Int("axis", 0), shape.Length);
        if (shape[axis] is < 1 or > 1 << 12)
            throw node.Fault($"takes {shape[axis]} parts out of [{string.Join(',', shape)}], which is not supported");
        return [.. Enumerable.Range(0, shape[axis]).Select(i => (TfValue)new TfValue.Data(
            graph.Reshape($"{node.Name}_{i}", graph.Slice($"{node.Name}_part_{i}", node.Data(0), new([i], [i + 1], [axis], [1])), [.. shape[..axis], .. shape[(axis + 1)..]], node.Fault)))];
    }
}
