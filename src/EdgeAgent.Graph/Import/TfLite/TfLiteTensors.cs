using System.Runtime.InteropServices;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Constant tensors of the file as <see cref="Tensor"/>s. Sizes are checked against the bytes that are there.</summary>
internal static class TfLiteTensors
{
    /// <summary>The IR's type of a value, 16 bits being quantized ones; null for one that the IR does not have.</summary>
    public static ElementType? TypeOf(TfLiteType type) => type switch
    {
        TfLiteType.Float32 or TfLiteType.Float16 or TfLiteType.Int16 => ElementType.Float32,
        TfLiteType.UInt8 => ElementType.UInt8,
        TfLiteType.Int8 => ElementType.Int8,
        TfLiteType.Int32 => ElementType.Int32,
        TfLiteType.Int64 => ElementType.Int64,
        TfLiteType.Bool => ElementType.Bool,
        _ => null,
    };

    public static TfLiteType TypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => TfLiteType.Float32,
        ElementType.UInt8 => TfLiteType.UInt8,
        ElementType.Int8 => TfLiteType.Int8,
        ElementType.Int32 => TfLiteType.Int32,
        ElementType.Int64 => TfLiteType.Int64,
        ElementType.Bool => TfLiteType.Bool,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>Of an element.</summary>
    /// <param name="place">Names the tensor in errors.</param>
    public static int BytesOf(TfLiteType type, string place) => type switch
    {
        TfLiteType.Float32 or TfLiteType.Int32 => 4,
        TfLiteType.Float16 or TfLiteType.Int16 => 2,
        TfLiteType.UInt8 or TfLiteType.Int8 or TfLiteType.Bool => 1,
        TfLiteType.Int64 => 8,
        _ => throw new ImportFault($"{place} has element type {type}; supported: Float32, Float16, UInt8, Int8, Int16, Int32, Int64, Bool"),
    };

    /// <summary>The constant as it is stored; float16 and int16 are widened.</summary>
    public static Tensor Read(TfLiteTensor tensor, FlatFile file)
    {
        var name = $"tensor '{ModelImportException.OneLine(tensor.Name)}'";
        var size = BytesOf(tensor.Type, name);
        long elements = 1;
        foreach (var dimension in tensor.Shape)
            elements = dimension < 0 || elements > int.MaxValue ? long.MaxValue / int.MaxValue : elements * dimension;
        if (elements * size != tensor.Data.Length)
            throw new ImportFault($"{name} has the shape [{string.Join(',', tensor.Shape)}] and {tensor.Data.Length} bytes; the file is damaged");
        file.Spend(tensor.Data.Length);
        var bytes = tensor.Data.Span;
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("TensorFlow Lite files are read on little-endian machines only");
        return tensor.Type switch
        {
            TfLiteType.Float32 => Tensor.Of(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), tensor.Shape),
            TfLiteType.Float16 => Tensor.Of(Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), h => (float)h), tensor.Shape),
            TfLiteType.Int16 => Tensor.Of(Array.ConvertAll(MemoryMarshal.Cast<byte, short>(bytes).ToArray(), v => (int)v), tensor.Shape),
            TfLiteType.Int32 => Tensor.Of(MemoryMarshal.Cast<byte, int>(bytes).ToArray(), tensor.Shape),
            TfLiteType.Int64 => Tensor.Of(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), tensor.Shape),
            TfLiteType.UInt8 => Tensor.Of(bytes.ToArray(), tensor.Shape),
            TfLiteType.Int8 => Tensor.Of(MemoryMarshal.Cast<byte, sbyte>(bytes).ToArray(), tensor.Shape),
            _ => Tensor.Of(Array.ConvertAll(bytes.ToArray(), b => b != 0), tensor.Shape),
        };
    }

    /// <summary>The real numbers behind a quantized constant.</summary>
    public static Tensor Dequantized(TfLiteTensor tensor, Tensor stored)
    {
        var quantization = tensor.Quantization!;
        CheckAxis(tensor, quantization);
        var target = new float[stored.Count];
        if (stored.Data is long[] sums)
        {
            // Biases beside activations of 16 bits: one axis, zero point 0.
            for (var i = 0; i < sums.Length; i++)
                target[i] = (float)(sums[i] * (double)quantization.Scales[i % quantization.Scales.Length]);
            return Tensor.Of(target, stored.Shape);
        }
        Quantizing.Dequantize(quantization.Axis, stored, Scales(quantization), Zeros(quantization, stored.Type), target);
        return Tensor.Of(target, stored.Shape);
    }

    public static void CheckAxis(TfLiteTensor tensor, TfLiteQuantization quantization)
    {
        if (quantization.Scales.Length > 1
            && (quantization.Axis < 0 || quantization.Axis >= tensor.Shape.Length || tensor.Shape[quantization.Axis] != quantization.Scales.Length))
            throw new ImportFault($"tensor '{ModelImportException.OneLine(tensor.Name)}' has {quantization.Scales.Length} scales along axis {quantization.Axis} of [{string.Join(',', tensor.Shape)}]; the file is damaged");
    }

    public static Tensor Scales(TfLiteQuantization quantization) => Tensor.Of(quantization.Scales, quantization.Scales.Length);

    /// <summary>Zero points, in the type of what they are subtracted from.</summary>
    public static Tensor Zeros(TfLiteQuantization quantization, ElementType type) => type switch
    {
        ElementType.UInt8 => Tensor.Of(Array.ConvertAll(quantization.ZeroPoints, z => (byte)Math.Clamp(z, 0, 255)), quantization.ZeroPoints.Length),
        ElementType.Int8 => Tensor.Of(Array.ConvertAll(quantization.ZeroPoints, z => (sbyte)Math.Clamp(z, -128, 127)), quantization.ZeroPoints.Length),
        ElementType.Int32 => Tensor.Of(quantization.ZeroPoints, quantization.ZeroPoints.Length),
        _ => throw new ImportFault($"zero points of type {type} are not supported"),
    };
}
