using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>One element type as another. Integers wrap around as in C, floats are truncated, bools are 0 and 1.</summary>
internal static class Casting
{
    public static Tensor Run(Tensor x, ElementType to)
    {
        if (x.Type == to)
            return x;
        return x.Type == ElementType.Float32 ? FromFloats(x, to) : FromIntegers(Integers(x), x.Shape, to);
    }

    /// <summary>The elements of an integer or bool tensor.</summary>
    public static long[] Integers(Tensor x) => x.Type switch
    {
        ElementType.UInt8 => Array.ConvertAll((byte[])x.Data, v => (long)v),
        ElementType.Int8 => Array.ConvertAll((sbyte[])x.Data, v => (long)v),
        ElementType.Int32 => Array.ConvertAll((int[])x.Data, v => (long)v),
        ElementType.Int64 => (long[])x.Data,
        ElementType.Bool => Array.ConvertAll((bool[])x.Data, v => v ? 1L : 0),
        _ => throw new NotSupportedException($"{x.Type} holds no integers"),
    };

    private static Tensor FromFloats(Tensor x, ElementType to) => to == ElementType.Bool
        ? Tensor.Of(Array.ConvertAll(x.Floats, v => v != 0), x.Shape)
        : FromIntegers(Array.ConvertAll(x.Floats, v => (long)v), x.Shape, to);

    private static Tensor FromIntegers(long[] values, int[] shape, ElementType to) => to switch
    {
        ElementType.Float32 => Tensor.Of(Array.ConvertAll(values, v => (float)v), shape),
        ElementType.UInt8 => Tensor.Of(Array.ConvertAll(values, v => unchecked((byte)v)), shape),
        ElementType.Int8 => Tensor.Of(Array.ConvertAll(values, v => unchecked((sbyte)v)), shape),
        ElementType.Int32 => Tensor.Of(Array.ConvertAll(values, v => unchecked((int)v)), shape),
        ElementType.Int64 => Tensor.Of(values, shape),
        _ => Tensor.Of(Array.ConvertAll(values, v => v != 0), shape),
    };
}
