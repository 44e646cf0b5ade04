namespace EdgeAgent.Graph.Ir;

/// <summary>Element types a tensor of the IR can have.</summary>
public enum ElementType
{
    Float32,
    UInt8,
    Int8,
    Int32,
    Int64,
    Bool,
}

/// <summary>
/// A dense tensor, row-major. Immutable by convention: whoever changes <see cref="Data"/> owns the only reference.
/// </summary>
/// <remarks><see cref="Data"/> is a <c>float[]</c>, <c>byte[]</c>, <c>sbyte[]</c>, <c>int[]</c>, <c>long[]</c> or <c>bool[]</c>.
/// Ask <see cref="Type"/>, not the array: to the runtime an <c>sbyte[]</c> is a <c>byte[]</c> too.</remarks>
public sealed class Tensor
{
    private Tensor(ElementType type, int[] shape, Array data)
    {
        long count = 1;
        foreach (var dimension in shape)
            count = checked(count * dimension);
        if (shape.Any(d => d < 0) || count != data.LongLength)
            throw new ArgumentException($"shape [{string.Join(',', shape)}] does not hold {data.LongLength} elements");
        (Type, Shape, Data) = (type, shape, data);
    }

    public ElementType Type { get; }

    /// <summary>Sizes of the dimensions, outermost first; empty for a scalar.</summary>
    public int[] Shape { get; }

    public Array Data { get; }

    public int Count => Data.Length;

    public float[] Floats => Data as float[] ?? throw Mismatch(ElementType.Float32);

    public long[] Longs => Data as long[] ?? throw Mismatch(ElementType.Int64);

    public static Tensor Of(float[] data, params int[] shape) => new(ElementType.Float32, shape, data);

    public static Tensor Of(byte[] data, params int[] shape) => new(ElementType.UInt8, shape, data);

    public static Tensor Of(sbyte[] data, params int[] shape) => new(ElementType.Int8, shape, data);

    public static Tensor Of(int[] data, params int[] shape) => new(ElementType.Int32, shape, data);

    public static Tensor Of(long[] data, params int[] shape) => new(ElementType.Int64, shape, data);

    public static Tensor Of(bool[] data, params int[] shape) => new(ElementType.Bool, shape, data);

    /// <summary>A tensor of <paramref name="type"/> over an array of that type's elements.</summary>
    internal static Tensor Wrap(ElementType type, Array data, int[] shape) => new(type, shape, data);

    /// <summary>The same elements in an array of their own.</summary>
    public static Tensor Copy(Tensor tensor) => new(tensor.Type, tensor.Shape, (Array)tensor.Data.Clone());

    /// <summary>The same data under another shape of as many elements.</summary>
    public Tensor Reshape(params int[] shape) => new(Type, shape, Data);

    private InvalidOperationException Mismatch(ElementType wanted) => new($"tensor holds {Type}, not {wanted}");
}
