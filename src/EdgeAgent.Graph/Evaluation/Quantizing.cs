using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>QuantizeLinear and DequantizeLinear, per tensor or along one axis, as ONNX defines them.</summary>
internal static class Quantizing
{
    /// <summary>saturate(round(x / scale) + zero point), of the zero point's type.</summary>
    public static Tensor Quantize(QuantizeLinear quantize, Tensor x, Tensor scale, Tensor zero)
    {
        var (axis, ties) = (quantize.Axis, quantize.TiesAwayFromZero ? MidpointRounding.AwayFromZero : MidpointRounding.ToEven);
        var channels = new Channels(axis, x.Shape, scale.Count);
        var zeros = Integers(zero);
        var (values, scales) = (x.Floats, scale.Floats);
        switch (zero.Type)
        {
            case ElementType.UInt8:
                var bytes = new byte[x.Count];
                for (var i = 0; i < bytes.Length; i++)
                    bytes[i] = (byte)Level(values[i], scales[channels.Of(i)], zeros[channels.Of(i)], byte.MinValue, byte.MaxValue, ties);
                return Tensor.Of(bytes, x.Shape);
            case ElementType.Int8:
                var signed = new sbyte[x.Count];
                for (var i = 0; i < signed.Length; i++)
                    signed[i] = (sbyte)Level(values[i], scales[channels.Of(i)], zeros[channels.Of(i)], sbyte.MinValue, sbyte.MaxValue, ties);
                return Tensor.Of(signed, x.Shape);
            default:
                throw new NotSupportedException($"QuantizeLinear to {zero.Type} is not supported");
        }
    }

    /// <summary>(q - zero point) * scale.</summary>
    public static void Dequantize(int axis, Tensor q, Tensor scale, Tensor zero, float[] target)
    {
        var channels = new Channels(axis, q.Shape, scale.Count);
        var (zeros, scales) = (Integers(zero), scale.Floats);
        switch (q.Type)
        {
            case ElementType.UInt8:
                var values = (byte[])q.Data;
                for (var i = 0; i < values.Length; i++)
                    target[i] = (values[i] - zeros[channels.Of(i)]) * scales[channels.Of(i)];
                break;
            case ElementType.Int8:
                var signed = (sbyte[])q.Data;
                for (var i = 0; i < signed.Length; i++)
                    target[i] = (signed[i] - zeros[channels.Of(i)]) * scales[channels.Of(i)];
                break;
            case ElementType.Int32:
                var sums = (int[])q.Data;
                for (var i = 0; i < sums.Length; i++)
                    target[i] = (sums[i] - zeros[channels.Of(i)]) * scales[channels.Of(i)];
                break;
            default:
                throw new NotSupportedException($"DequantizeLinear of {q.Type} is not supported");
        }
    }

    /// <summary>The elements of a zero point or quantized tensor.</summary>
    public static int[] Integers(Tensor tensor) => tensor.Type switch
    {
        ElementType.UInt8 => Array.ConvertAll((byte[])tensor.Data, v => (int)v),
        ElementType.Int8 => Array.ConvertAll((sbyte[])tensor.Data, v => (int)v),
        ElementType.Int32 => (int[])tensor.Data,
        _ => throw new NotSupportedException($"zero points of type {tensor.Type} are not supported"),
    };

    private static int Level(float x, float scale, int zero, int low, int high, MidpointRounding ties) =>
        (int)Math.Clamp(MathF.Round(x / scale, ties) + zero, low, high);

    /// <summary>Which scale an element uses.</summary>
    private readonly struct Channels
    {
        private readonly int _inner = 1;
        private readonly int _count;

        public Channels(int axis, int[] shape, int scales)
        {
            _count = scales;
            if (scales > 1)
                for (var i = (axis < 0 ? axis + shape.Length : axis) + 1; i < shape.Length; i++)
                    _inner *= shape[i];
        }

        public int Of(int index) => _count == 1 ? 0 : index / _inner % _count;
    }
}
