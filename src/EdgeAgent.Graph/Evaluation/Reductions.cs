using System.Numerics;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Sum, product, largest and smallest element along axes; floats in double precision.</summary>
internal static class Reductions
{
    public static Tensor Run(ReduceOperator op, Tensor x, int[] shape)
    {
        int[] kept = [.. x.Shape.Select((d, i) => op.Axes.Contains(i) || op.Axes.Contains(i - x.Shape.Length) ? 1 : d)];
        var targets = Broadcasting.Indices(kept, x.Shape);
        if (x.Type == ElementType.Float32)
            return Tensor.Of(Array.ConvertAll(Fold(Array.ConvertAll(x.Floats, v => (double)v), targets, shape, Doubles(op)), v => (float)v), shape);
        return Casting.Run(Tensor.Of(Fold(Casting.Integers(x), targets, shape, Longs(op)), shape), x.Type);
    }

    public static Tensor ArgMax(int axis, Tensor x, int[] shape) =>
        x.Type == ElementType.Float32 ? ArgMax(axis, x.Floats, x.Shape, shape) : ArgMax(axis, Casting.Integers(x), x.Shape, shape);

    private static Tensor ArgMax<T>(int axis, T[] x, int[] from, int[] shape)
        where T : INumber<T>
    {
        var size = from[axis];
        var inner = from[(axis + 1)..].Aggregate(1, (a, d) => a * d);
        var result = new long[x.Length / size];
        for (var i = 0; i < result.Length; i++)
        {
            var start = i / inner * size * inner + i % inner;
            for (var k = 1; k < size; k++)
                if (x[start + k * inner] > x[start + (int)result[i] * inner])
                    result[i] = k;
        }
        return Tensor.Of(result, shape);
    }

    private static T[] Fold<T>(T[] values, int[] targets, int[] shape, Func<T, T, T> combine)
    {
        var result = new T[shape.Aggregate(1, (a, d) => a * d)];
        var begun = new bool[result.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var at = targets[i];
            result[at] = begun[at] ? combine(result[at], values[i]) : values[i];
            begun[at] = true;
        }
        return result;
    }

    private static Func<double, double, double> Doubles(ReduceOperator op) => op switch
    {
        ReduceSum => (a, b) => a + b,
        ReduceProd => (a, b) => a * b,
        ReduceMax => Math.Max,
        ReduceMin => Math.Min,
        _ => throw new NotSupportedException($"{op.Type} is no reduction"),
    };

    private static Func<long, long, long> Longs(ReduceOperator op) => op switch
    {
        ReduceSum => (a, b) => unchecked(a + b),
        ReduceProd => (a, b) => unchecked(a * b),
        ReduceMax => Math.Max,
        ReduceMin => Math.Min,
        _ => throw new NotSupportedException($"{op.Type} is no reduction of integers"),
    };
}
