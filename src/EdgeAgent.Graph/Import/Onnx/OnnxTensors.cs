using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EdgeAgent.Graph.Ir;
using Google.Protobuf;
using static EdgeAgent.Graph.Import.Onnx.TensorProto.Types;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>TensorProto to <see cref="Tensor"/>. Sizes are checked against the bytes that are there before anything is allocated.</summary>
internal static class OnnxTensors
{
    public static Tensor Read(TensorProto proto)
    {
        var name = ModelImportException.OneLine(proto.Name);
        if (proto.DataLocation != 0 || proto.ExternalData.Count > 0)
            throw new ImportFault($"tensor '{name}' is stored in an external file, which only a model's own tensors can be");
        var shape = Shape(proto, name, out var count);
        return (DataType)proto.DataType switch
        {
            DataType.Float => Tensor.Of(Values(proto, name, count, 4, proto.FloatData, BinaryPrimitives.ReadSingleLittleEndian), shape),
            DataType.Double => Tensor.Of(Values(proto, name, count, 8, proto.DoubleData, BinaryPrimitives.ReadDoubleLittleEndian, v => (float)v), shape),
            DataType.Float16 => Tensor.Of(Values(proto, name, count, 2, proto.Int32Data, raw => BinaryPrimitives.ReadUInt16LittleEndian(raw), Half16), shape),
            DataType.Bfloat16 => Tensor.Of(Values(proto, name, count, 2, proto.Int32Data, raw => BinaryPrimitives.ReadUInt16LittleEndian(raw), BFloat16), shape),
            DataType.Uint8 => Tensor.Of(Values(proto, name, count, 1, proto.Int32Data, raw => raw[0], v => (byte)v), shape),
            DataType.Int8 => Tensor.Of(Values(proto, name, count, 1, proto.Int32Data, raw => (sbyte)raw[0], v => (sbyte)v), shape),
            DataType.Bool => Tensor.Of(Values(proto, name, count, 1, proto.Int32Data, raw => raw[0], v => v != 0), shape),
            DataType.Int32 => Tensor.Of(Values(proto, name, count, 4, proto.Int32Data, BinaryPrimitives.ReadInt32LittleEndian), shape),
            DataType.Int64 => Tensor.Of(Values(proto, name, count, 8, proto.Int64Data, BinaryPrimitives.ReadInt64LittleEndian), shape),
            var other => throw new ImportFault($"tensor '{name}' has element type {other}; supported: float, double, float16, bfloat16, uint8, int8, int32, int64, bool"),
        };
    }

    /// <summary>The IR's type for an ONNX element type of an input or output.</summary>
    public static ElementType? TypeOf(int onnxType) => (DataType)onnxType switch
    {
        DataType.Float => ElementType.Float32,
        DataType.Uint8 => ElementType.UInt8,
        DataType.Int8 => ElementType.Int8,
        DataType.Int32 => ElementType.Int32,
        DataType.Int64 => ElementType.Int64,
        DataType.Bool => ElementType.Bool,
        _ => null,
    };

    /// <summary>The type that an input of that type is computed in: float32 for all floating-point types.</summary>
    public static ElementType? ComputedTypeOf(int onnxType) =>
        (DataType)onnxType is DataType.Double or DataType.Float16 or DataType.Bfloat16 ? ElementType.Float32 : TypeOf(onnxType);

    public static DataType TypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => DataType.Float,
        ElementType.UInt8 => DataType.Uint8,
        ElementType.Int8 => DataType.Int8,
        ElementType.Int32 => DataType.Int32,
        ElementType.Int64 => DataType.Int64,
        ElementType.Bool => DataType.Bool,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    private static int[] Shape(TensorProto proto, string name, out int count)
    {
        long elements = 1;
        var shape = new int[proto.Dims.Count];
        for (var i = 0; i < shape.Length; i++)
        {
            var dimension = proto.Dims[i];
            if (dimension is < 0 or > int.MaxValue || (elements *= dimension) > int.MaxValue)
                throw new ImportFault($"tensor '{name}' has the shape [{string.Join(',', proto.Dims.Take(16))}], which no file can hold");
            shape[i] = (int)dimension;
        }
        count = (int)elements;
        return shape;
    }

    private static T[] Values<T>(TensorProto proto, string name, int count, int size, IReadOnlyCollection<T> typed, Reader<T> read)
        where T : unmanaged
    {
        if (proto.RawData.IsEmpty)
        {
            Check(name, count, typed.Count, "values");
            return [.. typed];
        }
        Check(name, (long)count * size, proto.RawData.Length, "bytes");
        if (BitConverter.IsLittleEndian)
            return MemoryMarshal.Cast<byte, T>(proto.RawData.Span).ToArray();
        return Values(proto, name, count, size, typed, read, v => v);
    }

    private static TOut[] Values<TIn, TOut>(TensorProto proto, string name, int count, int size, IReadOnlyCollection<TIn> typed, Reader<TIn> read, Func<TIn, TOut> convert)
    {
        ByteString raw = proto.RawData;
        if (raw.IsEmpty)
        {
            Check(name, count, typed.Count, "values");
            return [.. typed.Select(convert)];
        }
        Check(name, (long)count * size, raw.Length, "bytes");
        var values = new TOut[count];
        for (var i = 0; i < count; i++)
            values[i] = convert(read(raw.Span.Slice(i * size, size)));
        return values;
    }

    private static void Check(string name, long wanted, long found, string what)
    {
        if (wanted != found)
            throw new ImportFault($"tensor '{name}' needs {wanted} {what} for its shape and has {found}; the file is damaged");
    }

    private static float Half16(int bits) => (float)BitConverter.UInt16BitsToHalf((ushort)bits);

    private static float BFloat16(int bits) => BitConverter.Int32BitsToSingle(bits << 16);

    private delegate T Reader<T>(ReadOnlySpan<byte> raw);
}
