using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>Shapes that a file computes from the batch, as the IR writes them.</summary>
internal static class TargetShapes
{
    /// <summary>
    /// A target shape that depends on the batch, with -1 resolved and, where <paramref name="zeroCopies"/>, 0 copied; a dimension of k
    /// batches is -k.
    /// </summary>
    public static int[] Resolved(int[] from, FoldedNumber[] target, bool zeroCopies, Func<string, Exception> fault)
    {
        var shape = new int[target.Length];
        var inferred = -1;
        double known = 1;
        for (var i = 0; i < shape.Length; i++)
        {
            double size = target[i] switch
            {
                { Value: 0, PerBatch: > 0 and var batches } => -batches,
                { Value: 0, PerBatch: 0 } when zeroCopies && i < from.Length => from[i],
                { Value: -1, PerBatch: 0 } when inferred < 0 => 0,
                { Value: > 0, PerBatch: 0 } => target[i].Value,
                _ => throw fault("its target shape depends on the batch in a way that is not supported; export with a fixed batch"),
            };
            if (size == 0)
                inferred = i;
            else
                known *= size;
            shape[i] = (int)Math.Clamp(size, -ShapeInference.MaxElements, ShapeInference.MaxElements);
        }
        if (inferred < 0)
            return shape;
        var rest = from.Aggregate(1.0, (a, d) => a * d) / known;
        shape[inferred] = rest == Math.Truncate(rest) && Math.Abs(rest) is >= 1 and <= ShapeInference.MaxElements
            ? (int)rest
            : throw fault($"cannot reshape [{string.Join(',', from)}] to [{string.Join(',', shape)}]");
        return shape;
    }

    /// <summary>
    /// The Reshape that turns one known shape into another. The batch is copied where it stays in place and inferred
    /// where it moves.
    /// </summary>
    public static Reshape ReshapeTo(int[] from, int[] to, Func<string, Exception> fault)
    {
        var shape = new long[to.Length];
        var inferred = false;
        for (var i = 0; i < to.Length; i++)
            if (to[i] > 0)
                shape[i] = to[i];
            else if (i < from.Length && from[i] == to[i])
                shape[i] = 0;
            else if (!inferred)
                (shape[i], inferred) = (-1, true);
            else
                throw fault("has more than one dimension that depends on the batch");
        return new(shape);
    }
}
