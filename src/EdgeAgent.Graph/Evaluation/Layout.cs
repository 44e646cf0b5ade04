using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Operators that only move elements, of any element type.</summary>
internal static class Layout
{
    public static void Transpose<T>(int[] permutation, ReadOnlySpan<T> source, int[] shape, Span<T> target)
    {
        var rank = shape.Length;
        var strides = new int[rank];
        var stride = 1;
        for (var axis = rank - 1; axis >= 0; axis--)
            (strides[axis], stride) = (stride, stride * shape[axis]);
        var (sizes, steps) = (new int[rank], new int[rank]);
        for (var axis = 0; axis < rank; axis++)
            (sizes[axis], steps[axis]) = (shape[permutation[axis]], strides[permutation[axis]]);
        var position = new int[rank];
        var at = 0;
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = source[at];
            for (var axis = rank - 1; axis >= 0; axis--)
            {
                at += steps[axis];
                if (++position[axis] < sizes[axis])
                    break;
                at -= steps[axis] * sizes[axis];
                position[axis] = 0;
            }
        }
    }

    /// <summary>Copies one input of a Concat to its place: <paramref name="offset"/> is where it begins along the axis.</summary>
    public static void Place<T>(ReadOnlySpan<T> source, int[] shape, int axis, int offset, Span<T> target, int targetSize)
    {
        var inner = 1;
        for (var i = axis + 1; i < shape.Length; i++)
            inner *= shape[i];
        var block = shape[axis] * inner;
        for (var outer = 0; outer * block < source.Length; outer++)
            source.Slice(outer * block, block).CopyTo(target[((outer * targetSize + offset) * inner)..]);
    }

    public static void Slice<T>(SliceRange[] ranges, ReadOnlySpan<T> source, int[] shape, Span<T> target)
    {
        var rank = shape.Length;
        var (steps, stride, at) = (new int[rank], 1, 0);
        for (var axis = rank - 1; axis >= 0; axis--)
        {
            steps[axis] = ranges[axis].Step * stride;
            at += ranges[axis].Start * stride;
            stride *= shape[axis];
        }
        var position = new int[rank];
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = source[at];
            for (var axis = rank - 1; axis >= 0; axis--)
            {
                at += steps[axis];
                if (++position[axis] < ranges[axis].Count)
                    break;
                at -= steps[axis] * ranges[axis].Count;
                position[axis] = 0;
            }
        }
    }

    /// <exception cref="ArgumentException">An index is outside of the data.</exception>
    public static void Gather<T>(int axis, ReadOnlySpan<T> source, int[] shape, long[] indices, Span<T> target)
    {
        var inner = 1;
        for (var i = axis + 1; i < shape.Length; i++)
            inner *= shape[i];
        var block = shape[axis] * inner;
        var to = 0;
        for (var outer = 0; outer < source.Length; outer += block)
            foreach (var index in indices)
            {
                var at = index < 0 ? index + shape[axis] : index;
                if (at < 0 || at >= shape[axis])
                    throw new ArgumentException($"index {index} is outside of the {shape[axis]} entries of a table");
                source.Slice(outer + (int)at * inner, inner).CopyTo(target[to..]);
                to += inner;
            }
    }

    public static void Pick<T>(ReadOnlySpan<T> source, int[] indices, Span<T> target)
    {
        for (var i = 0; i < target.Length; i++)
            target[i] = source[indices[i]];
    }

    public static void Pad<T>(int[] pads, T value, ReadOnlySpan<T> source, int[] shape, Span<T> target, int[] targetShape)
    {
        target.Fill(value);
        if (shape.Length == 0)
        {
            source.CopyTo(target);
            return;
        }
        var row = shape[^1];
        var position = new int[shape.Length];
        for (var from = 0; from < source.Length; from += row)
        {
            var to = 0;
            for (var axis = 0; axis < shape.Length; axis++)
                to = to * targetShape[axis] + position[axis] + pads[axis];
            source.Slice(from, row).CopyTo(target[to..]);
            for (var axis = shape.Length - 2; axis >= 0 && ++position[axis] == shape[axis]; axis--)
                position[axis] = 0;
        }
    }
}
