using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Scalar;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Quantizes 16 float values; static, compiled for its instruction set.</summary>
internal unsafe interface IQuantizeLanes
{
    static abstract Vector128<byte> Quantize(float* x, float scale, in Requantization r);
}

/// <summary>SSE4.1 and NEON.</summary>
internal readonly unsafe struct QuantizeLanes128 : IQuantizeLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Quantize(float* x, float scale, in Requantization r)
    {
        var (s, low, high) = (Vector128.Create(scale), Vector128.Create(r.Low), Vector128.Create(r.High));
        return Lanes128.Pack(
            Lanes128.Round(Vector128.Load(x) / s, low, high), Lanes128.Round(Vector128.Load(x + 4) / s, low, high),
            Lanes128.Round(Vector128.Load(x + 8) / s, low, high), Lanes128.Round(Vector128.Load(x + 12) / s, low, high),
            Vector128.Create((short)r.Zero));
    }
}

/// <summary>
/// Quantizes the float input plane by plane, 16 pixels at a time, and interleaves the planes: by shuffles for three
/// channels, byte by byte for other numbers.
/// </summary>
internal sealed unsafe class VectorQuantize<TLanes>(InputSource source, TensorView output) : Step where TLanes : struct, IQuantizeLanes
{
    private readonly Requantization _requantization = new(output.Zero, 0, 255);
    private readonly float _scale = output.Quantization.Scale;

    public override int Units => output.Height;

    public override long Work => 40L * output.Shape.Count;

    /// <summary>A flat vector is one plane: its channels are contiguous.</summary>
    private bool IsOnePlane => output.Channels == 1 || output.Shape.Pixels == 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int first, int last)
    {
        var (width, plane, channels) = (output.Width, (nint)output.Shape.Pixels, output.Channels);
        for (var y = first; y < last; y++)
        {
            var row = source.Data + (nint)y * width;
            var to = output.Row(y);
            if (IsOnePlane)
                for (var i = 0; i < output.RowLength; i += 16)
                    Lanes128.Store(Quantize(row + i, output.RowLength - i), to + i, output.RowLength - i);
            else
                for (var x = 0; x < width; x += 16)
                {
                    var pixels = Math.Min(16, width - x);
                    if (channels == 3 && pixels == 16)
                        StoreThree(Quantize(row + x, 16), Quantize(row + plane + x, 16), Quantize(row + 2 * plane + x, 16), to + x * 3);
                    else
                        for (var c = 0; c < channels; c++)
                            Scatter(Quantize(row + c * plane + x, pixels), to + x * channels + c, pixels);
                }
        }
    }

    /// <summary>The first <paramref name="count"/> of 16 values; nothing beyond the input is read, which is the caller's memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<byte> Quantize(float* x, int count) =>
        count >= 16 || x + 16 <= source.Data + output.Shape.Count ? TLanes.Quantize(x, _scale, _requantization) : QuantizeLast(x, count);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Vector128<byte> QuantizeLast(float* x, int count)
    {
        var padded = stackalloc float[16];
        new ReadOnlySpan<float>(x, count).CopyTo(new(padded, 16));
        return TLanes.Quantize(padded, _scale, _requantization);
    }

    private void Scatter(Vector128<byte> bytes, byte* to, int count)
    {
        for (var i = 0; i < count; i++)
            to[(nint)i * output.Channels] = ((byte*)&bytes)[i];
    }

    /// <summary>r0 g0 b0 r1 g1 b1 ...: an index of 255 gives zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreThree(Vector128<byte> r, Vector128<byte> g, Vector128<byte> b, byte* to)
    {
        (Vector128.Shuffle(r, Vector128.Create((byte)0, 255, 255, 1, 255, 255, 2, 255, 255, 3, 255, 255, 4, 255, 255, 5))
            | Vector128.Shuffle(g, Vector128.Create((byte)255, 0, 255, 255, 1, 255, 255, 2, 255, 255, 3, 255, 255, 4, 255, 255))
            | Vector128.Shuffle(b, Vector128.Create((byte)255, 255, 0, 255, 255, 1, 255, 255, 2, 255, 255, 3, 255, 255, 4, 255))).Store(to);
        (Vector128.Shuffle(r, Vector128.Create((byte)255, 255, 6, 255, 255, 7, 255, 255, 8, 255, 255, 9, 255, 255, 10, 255))
            | Vector128.Shuffle(g, Vector128.Create((byte)5, 255, 255, 6, 255, 255, 7, 255, 255, 8, 255, 255, 9, 255, 255, 10))
            | Vector128.Shuffle(b, Vector128.Create((byte)255, 5, 255, 255, 6, 255, 255, 7, 255, 255, 8, 255, 255, 9, 255, 255))).Store(to + 16);
        (Vector128.Shuffle(r, Vector128.Create((byte)255, 11, 255, 255, 12, 255, 255, 13, 255, 255, 14, 255, 255, 15, 255, 255))
            | Vector128.Shuffle(g, Vector128.Create((byte)255, 255, 11, 255, 255, 12, 255, 255, 13, 255, 255, 14, 255, 255, 15, 255))
            | Vector128.Shuffle(b, Vector128.Create((byte)10, 255, 255, 11, 255, 255, 12, 255, 255, 13, 255, 255, 14, 255, 255, 15))).Store(to + 32);
    }
}
