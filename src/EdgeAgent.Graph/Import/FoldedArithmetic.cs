using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>
/// Arithmetic on values known at import, in terms of the batch: what subgraphs that compute shapes consist of, in every
/// format. Faults are made by the caller, who knows the node. What would be larger than <see cref="FoldedValue.MaxCount"/> is
/// null: such values are tables and masks, and are left to nodes.
/// </summary>
internal static class FoldedArithmetic
{
    public static FoldedValue ShapeOf(int[] shape, ElementType type) => new(type, [shape.Length], Array.ConvertAll(shape, FoldedNumber.OfDimension));

    public static FoldedValue Transpose(FoldedValue x, int[] permutation, Func<string, Exception> fault)
    {
        if (!permutation.Order().SequenceEqual(Enumerable.Range(0, x.Shape.Length)))
            throw fault($"[{string.Join(',', permutation)}] is no permutation of {x.Shape.Length} axes");
        var numbers = new FoldedNumber[x.Numbers.Length];
        Layout.Transpose<FoldedNumber>(permutation, x.Numbers, x.Shape, numbers);
        return new(x.Type, Array.ConvertAll(permutation, p => x.Shape[p]), numbers);
    }

    public static FoldedValue Cast(FoldedValue x, ElementType type) =>
        new(type, x.Shape, type != ElementType.Float32 && x.Type == ElementType.Float32 ? Array.ConvertAll(x.Numbers, n => n with { Value = Math.Truncate(n.Value) }) : x.Numbers);

    public static FoldedValue? Fill(FoldedValue shape, FoldedValue fill, Func<string, Exception> fault)
    {
        if (!shape.IsConstant || fill.Numbers.Length != 1)
            throw fault("fills a shape that depends on the batch, which is not supported; export the model with a fixed batch");
        var dimensions = Array.ConvertAll(shape.Numbers, n => n.Value);
        var count = dimensions.Aggregate(1.0, (a, b) => a * b);
        if (Array.Exists(dimensions, d => d < 0))
            throw fault($"fills the shape [{string.Join(',', dimensions)}]");
        return count > FoldedValue.MaxCount ? null : new(fill.Type, Array.ConvertAll(dimensions, d => (int)d), Enumerable.Repeat(fill.Numbers[0], (int)count).ToArray());
    }

    public static FoldedValue? Gather(FoldedValue data, FoldedValue indices, int axis, Func<string, Exception> fault)
    {
        var (outer, size, inner) = Split(data.Shape, axis);
        if ((double)outer * indices.Numbers.Length * inner > FoldedValue.MaxCount)
            return null;
        var numbers = new List<FoldedNumber>();
        for (var o = 0; o < outer; o++)
            foreach (var index in indices.Numbers)
            {
                var at = index.Value < 0 ? index.Value + size : index.Value;
                if (index.PerBatch != 0 || at < 0 || at >= size)
                    throw fault($"index {index.Value} is outside [0,{size})");
                numbers.AddRange(data.Numbers.AsSpan((o * size + (int)at) * inner, inner));
            }
        return new(data.Type, [.. data.Shape[..axis], .. indices.Shape, .. data.Shape[(axis + 1)..]], [.. numbers]);
    }

    public static FoldedValue? Range(FoldedValue from, FoldedValue to, FoldedValue by, Func<string, Exception> fault)
    {
        var (start, limit, step) = (from.Numbers, to.Numbers, by.Numbers);
        if (start.Length != 1 || limit.Length != 1 || step.Length != 1 || start[0].PerBatch != 0 || limit[0].PerBatch != 0 || step[0].PerBatch != 0 || step[0].Value == 0)
            throw fault("has a range that is not known at import");
        var count = Math.Max(0, Math.Ceiling((limit[0].Value - start[0].Value) / step[0].Value));
        return count > FoldedValue.MaxCount ? null : new(from.Type, [(int)count], [.. Enumerable.Range(0, (int)count).Select(i => new FoldedNumber(start[0].Value + i * step[0].Value))]);
    }

    /// <summary>Python's slice [start:end:step] along an axis.</summary>
    public static FoldedValue Slice(FoldedValue x, int axis, double start, double end, double step, Func<string, Exception> fault)
    {
        if (step == 0)
            throw fault("has a step of 0");
        var (outer, size, inner) = Split(x.Shape, axis);
        var (low, high) = step > 0 ? (0, size) : (-1, size - 1);
        var from = Math.Clamp(start < 0 ? start + size : start, step > 0 ? 0 : -1, high);
        var to = Math.Clamp(end < 0 ? end + size : end, low, size);
        var picked = new List<int>();
        for (var at = from; step > 0 ? at < to : at > to; at += step)
            picked.Add((int)at);
        var numbers = new List<FoldedNumber>();
        for (var o = 0; o < outer; o++)
            foreach (var at in picked)
                numbers.AddRange(x.Numbers.AsSpan((o * size + at) * inner, inner));
        var shape = x.Shape.ToArray();
        shape[axis] = picked.Count;
        return new(x.Type, shape, [.. numbers]);
    }

    /// <summary>Vectors joined end to end.</summary>
    public static FoldedValue? Join(ElementType type, IEnumerable<FoldedValue> vectors, Func<string, Exception> fault)
    {
        var numbers = new List<FoldedNumber>();
        foreach (var vector in vectors)
            numbers.AddRange(vector.Shape.Length == 1 ? vector.Numbers : throw fault("joins tensors of different rank"));
        return numbers.Count > FoldedValue.MaxCount ? null : new(type, [numbers.Count], [.. numbers]);
    }

    /// <summary>An operator of two numbers, with broadcasting.</summary>
    public static FoldedValue? Binary(FoldedValue a, FoldedValue b, Func<FoldedNumber, FoldedNumber, FoldedNumber> operation)
    {
        var shape = OperatorShapes.Broadcast(a.Shape, b.Shape);
        if (!IsSmall(shape))
            return null;
        var numbers = new FoldedNumber[shape.Aggregate(1, (x, y) => x * y)];
        var (left, right) = (Broadcasting.Indices(a.Shape, shape), Broadcasting.Indices(b.Shape, shape));
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = operation(a.Numbers[left[i]], b.Numbers[right[i]]);
        return new(a.Type, shape, numbers);
    }

    public static FoldedNumber Add(FoldedNumber x, FoldedNumber y) => new(x.Value + y.Value, x.PerBatch + y.PerBatch);

    public static FoldedNumber Subtract(FoldedNumber x, FoldedNumber y) => new(x.Value - y.Value, x.PerBatch - y.PerBatch);

    public static FoldedNumber Multiply(FoldedNumber x, FoldedNumber y, Func<string, Exception> fault) =>
        x.PerBatch != 0 && y.PerBatch != 0
            ? throw fault("multiplies the batch with itself, which is not supported")
            : new(x.Value * y.Value, x.PerBatch * y.Value + x.Value * y.PerBatch);

    public static FoldedNumber Divide(FoldedNumber x, FoldedNumber y, bool integer, Func<string, Exception> fault)
    {
        if (y.PerBatch != 0 || y.Value == 0 || x.PerBatch % y.Value != 0)
            throw fault("divides by 0 or by the batch, which is not supported");
        return new(integer ? Math.Truncate(x.Value / y.Value) : x.Value / y.Value, x.PerBatch / y.Value);
    }

    public static bool IsSmall(int[] shape) => shape.Aggregate(1.0, (a, d) => a * d) <= FoldedValue.MaxCount;

    private static (int Outer, int Size, int Inner) Split(int[] shape, int axis) =>
        (shape[..axis].Aggregate(1, (a, b) => a * b), shape[axis], shape[(axis + 1)..].Aggregate(1, (a, b) => a * b));
}
