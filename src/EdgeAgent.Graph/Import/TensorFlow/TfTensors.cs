using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>TensorProto and raw bytes to <see cref="Tensor"/>. Sizes are checked against the bytes that are there before anything is allocated.</summary>
internal static class TfTensors
{
    /// <summary>A TensorProto may hold one value for a whole tensor; larger repetitions are no model's.</summary>
    private const int MaxRepeated = 1 << 22;

    public static Tensor Read(TensorProto proto, Func<string, Exception> fault)
    {
        var shape = Shape(proto.TensorShape, fault, out var count);
        var type = TfTypes.Of(proto.Dtype);
        if (!proto.TensorContent.IsEmpty)
            return Read(type, shape, count, proto.TensorContent.Span, fault);
        return type switch
        {
            TfType.Float => Tensor.Of(Repeated(proto.FloatVal, v => v, count, fault), shape),
            TfType.Double => Tensor.Of(Repeated(proto.DoubleVal, v => (float)v, count, fault), shape),
            TfType.Half => Tensor.Of(Repeated(proto.HalfVal, v => Half16((ushort)v), count, fault), shape),
            TfType.BFloat16 => Tensor.Of(Repeated(proto.HalfVal, v => BFloat16((ushort)v), count, fault), shape),
            TfType.Int32 or TfType.Int16 => Tensor.Of(Repeated(proto.IntVal, v => v, count, fault), shape),
            TfType.UInt8 => Tensor.Of(Repeated(proto.IntVal, v => (byte)v, count, fault), shape),
            TfType.Int8 => Tensor.Of(Repeated(proto.IntVal, v => (sbyte)v, count, fault), shape),
            TfType.Int64 => Tensor.Of(Repeated(proto.Int64Val, v => v, count, fault), shape),
            TfType.Bool => Tensor.Of(Repeated(proto.BoolVal, v => v, count, fault), shape),
            _ => throw fault($"holds elements of type {type}, which is not supported"),
        };
    }

    /// <summary>Little-endian elements, row-major.</summary>
    public static Tensor Read(TfType type, int[] shape, int count, ReadOnlySpan<byte> bytes, Func<string, Exception> fault)
    {
        var size = TfTypes.Bytes(type);
        if ((long)count * size != bytes.Length)
            throw fault($"needs {(long)count * size} bytes for its shape [{string.Join(',', shape)}] and has {bytes.Length}; the file is damaged");
        return type switch
        {
            TfType.Float => Tensor.Of(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), shape),
            TfType.Double => Tensor.Of(Converted(bytes, size, b => (float)BinaryPrimitives.ReadDoubleLittleEndian(b)), shape),
            TfType.Half => Tensor.Of(Converted(bytes, size, b => Half16(BinaryPrimitives.ReadUInt16LittleEndian(b))), shape),
            TfType.BFloat16 => Tensor.Of(Converted(bytes, size, b => BFloat16(BinaryPrimitives.ReadUInt16LittleEndian(b))), shape),
            TfType.Int32 => Tensor.Of(MemoryMarshal.Cast<byte, int>(bytes).ToArray(), shape),
            TfType.Int16 => Tensor.Of(Converted(bytes, size, b => (int)BinaryPrimitives.ReadInt16LittleEndian(b)), shape),
            TfType.UInt8 => Tensor.Of(bytes.ToArray(), shape),
            TfType.Int8 => Tensor.Of(MemoryMarshal.Cast<byte, sbyte>(bytes).ToArray(), shape),
            TfType.Int64 => Tensor.Of(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), shape),
            TfType.Bool => Tensor.Of(Converted(bytes, size, b => b[0] != 0), shape),
            _ => throw fault($"holds elements of type {type}, which is not supported"),
        };
    }

    public static int[] Shape(TensorShapeProto? proto, Func<string, Exception> fault, out int count)
    {
        long elements = 1;
        var shape = new int[proto?.Dim.Count ?? 0];
        for (var i = 0; i < shape.Length; i++)
        {
            var dimension = proto!.Dim[i].Size;
            if (shape.Length > 8 || dimension is < 0 or > int.MaxValue || (elements *= dimension) > ShapeInference.MaxElements)
                throw fault($"has the shape [{string.Join(',', proto.Dim.Take(16).Select(d => d.Size))}]; at most 8 axes and {ShapeInference.MaxElements} elements are supported");
            shape[i] = (int)dimension;
        }
        count = (int)elements;
        return shape;
    }

    /// <summary>The values of a field, the last one repeated to the end of the tensor, as TensorProto defines it.</summary>
    private static TOut[] Repeated<TIn, TOut>(IReadOnlyList<TIn> values, Func<TIn, TOut> convert, int count, Func<string, Exception> fault)
    {
        if (values.Count > count || values.Count == 0 && count > 0 || values.Count < count && count > MaxRepeated)
            throw fault($"needs {count} values for its shape and has {values.Count}; the file is damaged");
        var result = new TOut[count];
        for (var i = 0; i < count; i++)
            result[i] = i < values.Count ? convert(values[i]) : result[i - 1];
        return result;
    }

    private static T[] Converted<T>(ReadOnlySpan<byte> bytes, int size, Reader<T> read)
    {
        var values = new T[bytes.Length / size];
        for (var i = 0; i < values.Length; i++)
            values[i] = read(bytes.Slice(i * size, size));
        return values;
    }

    private static float Half16(ushort bits) => (float)BitConverter.UInt16BitsToHalf(bits);

    private static float BFloat16(ushort bits) => BitConverter.Int32BitsToSingle(bits << 16);

    private delegate T Reader<T>(ReadOnlySpan<byte> bytes);
}
