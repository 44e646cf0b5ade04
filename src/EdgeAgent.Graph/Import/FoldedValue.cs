using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>A number known at import: <c>Value + PerBatch * batch</c>. Doubles hold every size that can occur exactly.</summary>
internal readonly record struct FoldedNumber(double Value, double PerBatch = 0)
{
    public static FoldedNumber OfDimension(int dimension) => dimension < 0 ? new(0, -(double)dimension) : new(dimension);
}

/// <summary>A small tensor whose elements are known at import, possibly in terms of the dynamic batch.</summary>
internal sealed record FoldedValue(ElementType Type, int[] Shape, FoldedNumber[] Numbers)
{
    /// <summary>Shapes, axes, pads and scalars are far smaller; larger constants are weights and are not folded here.</summary>
    public const int MaxCount = 1 << 12;

    public bool IsConstant => Array.TrueForAll(Numbers, n => n.PerBatch == 0);

    public static FoldedValue? TryOf(Tensor tensor)
    {
        if (tensor.Count > MaxCount)
            return null;
        var numbers = new FoldedNumber[tensor.Count];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = new(tensor.Type switch
            {
                ElementType.Float32 => ((float[])tensor.Data)[i],
                ElementType.Int64 => ((long[])tensor.Data)[i],
                ElementType.Int32 => ((int[])tensor.Data)[i],
                ElementType.UInt8 => ((byte[])tensor.Data)[i],
                ElementType.Int8 => ((sbyte[])tensor.Data)[i],
                ElementType.Bool => ((bool[])tensor.Data)[i] ? 1 : 0,
                _ => throw new InvalidOperationException($"no element type {tensor.Type}"),
            });
        return new(tensor.Type, tensor.Shape, numbers);
    }

    public Tensor ToTensor() => Type switch
    {
        ElementType.Float32 => Tensor.Of(Array.ConvertAll(Numbers, n => (float)n.Value), Shape),
        ElementType.Int64 => Tensor.Of(Array.ConvertAll(Numbers, n => (long)n.Value), Shape),
        ElementType.Int32 => Tensor.Of(Array.ConvertAll(Numbers, n => (int)n.Value), Shape),
        ElementType.UInt8 => Tensor.Of(Array.ConvertAll(Numbers, n => (byte)n.Value), Shape),
        ElementType.Int8 => Tensor.Of(Array.ConvertAll(Numbers, n => (sbyte)n.Value), Shape),
        ElementType.Bool => Tensor.Of(Array.ConvertAll(Numbers, n => n.Value != 0), Shape),
        _ => throw new InvalidOperationException($"no element type {Type}"),
    };
}
