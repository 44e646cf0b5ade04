using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Scalar;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>
/// Quantizes the float input plane by plane and interleaves the planes: 16 pixels at a time with one or three channels,
/// a row of bytes per channel otherwise.
/// </summary>
internal sealed unsafe class VectorQuantize(InputSource source, TensorView output) : Step
{
    private readonly Requantization _requantization = new(output.Zero, 0, 255);

    public override int Units => output.Height;

    public override long Work => 4L * output.Shape.Count;

    /// <summary>A flat vector is one plane: its channels are contiguous.</summary>
    private bool IsOnePlane => output.Channels == 1 || output.Shape.Pixels == 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int first, int last)
    {
        var (width, plane) = (output.Width, (nint)output.Shape.Pixels);
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
                    if (output.Channels == 3 && pixels == 16)
                        StoreThree(Quantize(row + x, 16), Quantize(row + plane + x, 16), Quantize(row + 2 * plane + x, 16), to + x * 3);
                    else
                        for (var c = 0; c < output.Channels; c++)
                            Scatter(Quantize(row + c * plane + x, pixels), to + x * output.Channels + c, pixels);
                }
        }
    }

    /// <summary>Up to 16 values; nothing beyond <paramref name="count"/> is read, since this memory is the caller's.</summary>
    private Vector128<byte> Quantize(float* x, int count)
    {
        if (count >= 16)
            return Lanes128.Pack(Round(Vector128.Load(x)), Round(Vector128.Load(x + 4)), Round(Vector128.Load(x + 8)), Round(Vector128.Load(x + 12)),
                Vector128.Create((short)_requantization.Zero));
        var bytes = Vector128<byte>.Zero;
        for (var i = 0; i < count; i++)
            bytes = bytes.WithElement(i, _requantization.Round(x[i] / output.Quantization.Scale));
        return bytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<int> Round(Vector128<float> x) => Lanes128.Round(
        x / Vector128.Create(output.Quantization.Scale), Vector128.Create(_requantization.Low), Vector128.Create(_requantization.High));

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
