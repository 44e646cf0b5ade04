using System.Numerics;
using System.Runtime.InteropServices;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Element-by-element operators; <c>source</c> and <c>target</c> may be the same memory.</summary>
internal static class Elementwise
{
    /// <summary>Work below this many elements is not worth handing to other threads.</summary>
    private const int Chunk = 1 << 16;

    public static void Unary(Operator op, float[] source, float[] target, ParallelOptions parallel)
    {
        var chunks = (source.Length + Chunk - 1) / Chunk;
        if (chunks <= 1)
            Unary(op, source.AsSpan(), target);
        else
            Parallel.For(0, chunks, parallel, i =>
            {
                var (start, length) = (i * Chunk, Math.Min(Chunk, source.Length - i * Chunk));
                Unary(op, source.AsSpan(start, length), target.AsSpan(start, length));
            });
    }

    private static void Unary(Operator op, ReadOnlySpan<float> x, Span<float> y)
    {
        switch (op)
        {
            case Relu:
                Clip(x, y, 0, float.PositiveInfinity);
                break;
            case Clip clip:
                Clip(x, y, clip.Min, clip.Max);
                break;
            case LeakyRelu leaky:
                for (var i = 0; i < x.Length; i++)
                    y[i] = x[i] < 0 ? x[i] * leaky.Alpha : x[i];
                break;
            case Sigmoid:
                for (var i = 0; i < x.Length; i++)
                    y[i] = 1 / (1 + MathF.Exp(-x[i]));
                break;
            case HardSigmoid hard:
                for (var i = 0; i < x.Length; i++)
                    y[i] = Math.Clamp(x[i] * hard.Alpha + hard.Beta, 0, 1);
                break;
            case HardSwish:
                for (var i = 0; i < x.Length; i++)
                    y[i] = x[i] * Math.Clamp(x[i] / 6 + 0.5f, 0, 1);
                break;
            case Tanh:
                for (var i = 0; i < x.Length; i++)
                    y[i] = MathF.Tanh(x[i]);
                break;
            default:
                var function = UnaryFunctions.Of(op) ?? throw new NotSupportedException($"{op.Type} is no unary operator");
                for (var i = 0; i < x.Length; i++)
                    y[i] = (float)function(x[i]);
                break;
        }
    }

    private static void Clip(ReadOnlySpan<float> x, Span<float> y, float min, float max)
    {
        var (low, high) = (new Vector<float>(min), new Vector<float>(max));
        var i = 0;
        for (; i <= x.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.Min(Vector.Max(new Vector<float>(x[i..]), low), high).CopyTo(y[i..]);
        for (; i < x.Length; i++)
            y[i] = MathF.Min(MathF.Max(x[i], min), max);
    }

    /// <summary>target = source + addend.</summary>
    public static void AddTo(ReadOnlySpan<float> source, float addend, Span<float> target)
    {
        ref var s = ref MemoryMarshal.GetReference(source);
        ref var t = ref MemoryMarshal.GetReference(target[..source.Length]);
        var i = 0;
        for (; i <= source.Length - Vector<float>.Count; i += Vector<float>.Count)
            (Vector.LoadUnsafe(ref s, (nuint)i) + new Vector<float>(addend)).StoreUnsafe(ref t, (nuint)i);
        for (; i < source.Length; i++)
            target[i] = source[i] + addend;
    }

    /// <summary>Add, Sub, Mul or Div with broadcasting: rows along the last axis, operands either rows or single values in them.</summary>
    public static void Binary(Operator op, Tensor a, Tensor b, Tensor y, ParallelOptions parallel)
    {
        var (x1, x2, target) = (a.Floats, b.Floats, y.Floats);
        if (a.Count == y.Count && b.Count == y.Count)
        {
            var chunks = (target.Length + Chunk - 1) / Chunk;
            Parallel.For(0, chunks, parallel, i =>
            {
                var (start, length) = (i * Chunk, Math.Min(Chunk, target.Length - i * Chunk));
                Row(op, x1.AsSpan(start, length), x2.AsSpan(start, length), target.AsSpan(start, length));
            });
            return;
        }
        // Trailing axes on which each operand is either whole or repeated form one row.
        var row = new BroadcastRows(a.Shape, b.Shape, y.Shape);
        Parallel.For(0, row.Count, parallel, i =>
        {
            var (first, second) = row.Sources(i);
            var left = x1.AsSpan(first, row.RepeatsA ? 1 : row.Length);
            var right = x2.AsSpan(second, row.RepeatsB ? 1 : row.Length);
            Row(op, left, right, target.AsSpan(i * row.Length, row.Length));
        });
    }

    private static void Row(Operator op, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y)
    {
        switch (op)
        {
            case Add:
                Row<AddStep>(a, b, y);
                break;
            case Sub:
                Row<SubStep>(a, b, y);
                break;
            case Mul:
                Row<MulStep>(a, b, y);
                break;
            case Div:
                Row<DivStep>(a, b, y);
                break;
            default:
                throw new NotSupportedException($"{op.Type} is no binary operator");
        }
    }

    private static void Row<TStep>(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y)
        where TStep : IStep
    {
        var (oneA, oneB) = (a.Length == 1, b.Length == 1);
        var i = 0;
        for (; i <= y.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var left = oneA ? new Vector<float>(a[0]) : new Vector<float>(a[i..]);
            var right = oneB ? new Vector<float>(b[0]) : new Vector<float>(b[i..]);
            TStep.Of(left, right).CopyTo(y[i..]);
        }
        for (; i < y.Length; i++)
            y[i] = TStep.Of(oneA ? a[0] : a[i], oneB ? b[0] : b[i]);
    }

    private interface IStep
    {
        static abstract Vector<float> Of(Vector<float> a, Vector<float> b);

        static abstract float Of(float a, float b);
    }

    private readonly struct AddStep : IStep
    {
        public static Vector<float> Of(Vector<float> a, Vector<float> b) => a + b;

        public static float Of(float a, float b) => a + b;
    }

    private readonly struct SubStep : IStep
    {
        public static Vector<float> Of(Vector<float> a, Vector<float> b) => a - b;

        public static float Of(float a, float b) => a - b;
    }

    private readonly struct MulStep : IStep
    {
        public static Vector<float> Of(Vector<float> a, Vector<float> b) => a * b;

        public static float Of(float a, float b) => a * b;
    }

    private readonly struct DivStep : IStep
    {
        public static Vector<float> Of(Vector<float> a, Vector<float> b) => a / b;

        public static float Of(float a, float b) => a / b;
    }
}
