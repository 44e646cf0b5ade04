using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>What one axis keeps: Python's [Start:End:Step] with bounds inside the axis; an end of -size - 1 lies before the first element.</summary>
internal readonly record struct TfCut(int Axis, double Start, double End, double Step);

/// <summary>A Slice or StridedSlice: parts of axes, then axes dropped and added.</summary>
internal sealed record TfSlices(IReadOnlyList<TfCut> Axes, IReadOnlySet<int> Dropped, IReadOnlyList<int> Added)
{
    /// <summary>The shape of the result, given that of the cut value.</summary>
    public int[] Reshaped(int[] cut)
    {
        var shape = new List<int>();
        for (var axis = 0; axis <= cut.Length; axis++)
        {
            shape.AddRange(Enumerable.Repeat(1, Added.Count(a => a == axis)));
            if (axis < cut.Length && !Dropped.Contains(axis))
                shape.Add(cut[axis]);
        }
        return [.. shape];
    }

    public StridedSlice ToOperator() =>
        new([.. Axes.Select(c => (int)c.Start)], [.. Axes.Select(c => (int)c.End)], [.. Axes.Select(c => c.Axis)], [.. Axes.Select(c => (int)c.Step)]);

    public static TfSlices OfSlice(TfNode node, int[] shape)
    {
        var (begin, size) = (node.Ints(1, "begin"), node.Folded(2) ?? throw node.Fault("its size is not known at import"));
        if (begin.Length != shape.Length || size.Numbers.Length != shape.Length)
            throw node.Fault($"{begin.Length} begins and {size.Numbers.Length} sizes do not fit [{string.Join(',', shape)}]");
        var cuts = new List<TfCut>();
        for (var axis = 0; axis < shape.Length; axis++)
        {
            var all = begin[axis] == 0 && (size.Numbers[axis] is { Value: -1, PerBatch: 0 } || size.Numbers[axis] == FoldedNumber.OfDimension(shape[axis]));
            if (all)
                continue;
            if (shape[axis] < 0 || size.Numbers[axis].PerBatch != 0)
                throw node.Fault("cuts the batch, which is not supported");
            var end = size.Numbers[axis].Value == -1 ? shape[axis] : begin[axis] + size.Numbers[axis].Value;
            if (begin[axis] < 0 || end < begin[axis] || end > shape[axis])
                throw node.Fault($"[{begin[axis]}..{end}) is no part of axis {axis} of [{string.Join(',', shape)}]");
            cuts.Add(new(axis, begin[axis], end, 1));
        }
        return new(cuts, new HashSet<int>(), []);
    }

    /// <summary>NumPy's basic indexing, as TensorFlow encodes it: bit i of a mask says how entry i of begin, end and strides is meant.</summary>
    public static TfSlices OfStridedSlice(TfNode node, int[] shape)
    {
        var steps = node.Ints(3, "strides");
        var (begins, ends) = (Bounds(node, 1), Bounds(node, 2));
        if (steps.Length > 32 || begins.Length != steps.Length || ends.Length != steps.Length)
            throw node.Fault("begin, end and strides differ in length");
        bool In(string mask, int entry) => (node.Int(mask, 0) >> entry & 1) != 0;

        var consumed = Enumerable.Range(0, steps.Length).Count(i => !In("new_axis_mask", i) && !In("ellipsis_mask", i));
        var (cuts, dropped, added, axis) = (new List<TfCut>(), new HashSet<int>(), new List<int>(), 0);
        for (var i = 0; i < steps.Length; i++)
        {
            if (In("ellipsis_mask", i))
                axis += shape.Length - consumed;
            else if (In("new_axis_mask", i))
                added.Add(axis);
            else if (axis >= shape.Length || axis < 0)
                throw node.Fault($"indexes axis {axis} of [{string.Join(',', shape)}]");
            else
            {
                if (In("shrink_axis_mask", i))
                    dropped.Add(axis);
                if (Cut(axis, begins[i], ends[i], steps[i], In("shrink_axis_mask", i), In("begin_mask", i), In("end_mask", i)) is { } cut)
                    cuts.Add(cut);
                axis++;
            }
        }
        if (axis < 0 || axis > shape.Length)
            throw node.Fault($"indexes {axis} axes of [{string.Join(',', shape)}]");
        return new(cuts, dropped, added);

        TfCut? Cut(int at, FoldedNumber begin, FoldedNumber end, int step, bool single, bool fromStart, bool toEnd)
        {
            var size = shape[at];
            if (step == 0)
                throw node.Fault("has a step of 0");
            if (!single && step == 1 && (fromStart || begin is { Value: 0, PerBatch: 0 }) && (toEnd || end == FoldedNumber.OfDimension(size)))
                return null;
            if (size < 0 || begin.PerBatch != 0 || end.PerBatch != 0)
                throw node.Fault("cuts the batch, which is not supported");
            if (single)
            {
                var index = begin.Value < 0 ? begin.Value + size : begin.Value;
                return index >= 0 && index < size ? new(at, index, index + 1, 1) : throw node.Fault($"index {begin.Value} is outside axis {at} of [{string.Join(',', shape)}]");
            }
            var (low, high) = step > 0 ? (0, size) : (-1, size - 1);
            var start = fromStart ? (step > 0 ? 0 : size - 1) : Math.Clamp(begin.Value < 0 ? begin.Value + size : begin.Value, low, high);
            var stop = toEnd ? (step > 0 ? size : -1) : Math.Clamp(end.Value < 0 ? end.Value + size : end.Value, low, high);
            // FoldedArithmetic counts a negative end from the back: one before the first element is then -size - 1.
            return new(at, start, stop < 0 ? -size - 1 : stop, step);
        }
    }

    private static FoldedNumber[] Bounds(TfNode node, int input) =>
        node.Folded(input)?.Numbers ?? throw node.Fault("its bounds are not known at import");
}
