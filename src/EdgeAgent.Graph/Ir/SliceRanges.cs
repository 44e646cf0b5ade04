namespace EdgeAgent.Graph.Ir;

/// <summary>The elements that a <see cref="StridedSlice"/> takes along one axis: <c>Start + i * Step</c> for i below <c>Count</c>.</summary>
public readonly record struct SliceRange(int Start, int Step, int Count)
{
    public bool IsWhole(int size) => (Start, Step, Count) == (0, 1, size);
}

/// <summary>NumPy's rules for the bounds of slices.</summary>
public static class SliceRanges
{
    /// <summary>One range for each axis of <paramref name="shape"/>.</summary>
    public static SliceRange[] Of(StridedSlice slice, int[] shape)
    {
        var count = slice.Axes.Length;
        if (slice.Starts.Length != count || slice.Ends.Length != count || slice.Steps.Length != count)
            throw new ShapeInference.ShapeFault("starts, ends, axes and steps differ in length");
        var ranges = Array.ConvertAll(shape, d => new SliceRange(0, 1, d));
        for (var i = 0; i < count; i++)
        {
            var axis = slice.Axes[i] < 0 ? slice.Axes[i] + shape.Length : slice.Axes[i];
            if (axis < 0 || axis >= shape.Length || slice.Steps[i] == 0)
                throw new ShapeInference.ShapeFault($"axis {slice.Axes[i]} with step {slice.Steps[i]} does not fit [{string.Join(',', shape)}]");
            ranges[axis] = Range(slice.Starts[i], slice.Ends[i], slice.Steps[i], shape[axis]);
        }
        return ranges;
    }

    public static int[] Shape(StridedSlice slice, int[] shape)
    {
        var ranges = Of(slice, shape);
        return Array.Exists(ranges, r => r.Count == 0)
            ? throw new ShapeInference.ShapeFault("makes an empty tensor, which is not supported")
            : Array.ConvertAll(ranges, r => r.Count);
    }

    private static SliceRange Range(int start, int end, int step, int size)
    {
        if (size < 0)
            return (start, end, step) == (0, int.MaxValue, 1) ? new(0, 1, size) : throw new ShapeInference.ShapeFault("takes a part of the batch, which is not supported");
        long low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
        var from = Math.Clamp(start < 0 ? (long)start + size : start, low, high);
        var to = Math.Clamp(end < 0 ? (long)end + size : end, low, high);
        var count = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -(long)step;
        return new((int)from, step, (int)Math.Max(0, count));
    }
}
