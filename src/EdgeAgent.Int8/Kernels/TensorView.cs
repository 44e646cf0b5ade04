using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels;

/// <summary>
/// A u8 tensor in the arena, NHWC. Rows may lie further apart than they are long, because a border of zero points
/// surrounds the tensor where a convolution pads it; bytes beyond a tensor may be read (they are allocated) but never written.
/// </summary>
internal readonly unsafe struct TensorView(byte* data, PlanShape shape, int rowStride, Quantization quantization)
{
    /// <summary>Pixel (0, 0).</summary>
    public byte* Data { get; } = data;

    public PlanShape Shape { get; } = shape;

    /// <summary>Bytes from one row to the next.</summary>
    public int RowStride { get; } = rowStride;

    public Quantization Quantization { get; } = quantization;

    public int Height => Shape.Height;

    public int Width => Shape.Width;

    public int Channels => Shape.Channels;

    /// <summary>Bytes of one row without its border.</summary>
    public int RowLength => Width * Channels;

    public int Zero => Quantization.ZeroPoint;

    public byte* Row(int y) => Data + (nint)y * RowStride;

    public byte* Pixel(int y, int x) => Data + (nint)y * RowStride + (nint)x * Channels;
}
