namespace EdgeAgent.Int8.Plan;

/// <summary>Shape of one sample, channels innermost. A sequence [C, W] has height 1; a flat vector is [1, 1, C].</summary>
public readonly record struct PlanShape(int Height, int Width, int Channels)
{
    /// <summary>Longest side the format allows.</summary>
    public const int MaxSide = 1 << 20;

    /// <summary>Most elements a tensor may have.</summary>
    public const int MaxCount = 1 << 27;

    public int Pixels => Height * Width;

    public int Count => Height * Width * Channels;

    public static PlanShape Flat(int channels) => new(1, 1, channels);

    public override string ToString() => $"{Height}x{Width}x{Channels}";

    internal bool IsValid =>
        Height is > 0 and <= MaxSide && Width is > 0 and <= MaxSide && Channels is > 0 and <= MaxSide
        && (long)Height * Width <= MaxCount && (long)Height * Width * Channels <= MaxCount;
}

/// <summary>A sliding window over height and width, with ONNX's meaning of strides, pads and dilations.</summary>
public readonly record struct PlanWindow(
    int KernelHeight,
    int KernelWidth,
    int StrideY = 1,
    int StrideX = 1,
    int PadTop = 0,
    int PadLeft = 0,
    int PadBottom = 0,
    int PadRight = 0,
    int DilationY = 1,
    int DilationX = 1)
{
    /// <summary>Square window with the same stride and pad on every side.</summary>
    public static PlanWindow Square(int kernel, int stride = 1, int pad = 0) =>
        new(kernel, kernel, stride, stride, pad, pad, pad, pad);

    /// <summary>The window that sees all of a tensor at once.</summary>
    public static PlanWindow Whole(PlanShape shape) => new(shape.Height, shape.Width);

    internal int ExtentY => DilationY * (KernelHeight - 1) + 1;

    internal int ExtentX => DilationX * (KernelWidth - 1) + 1;

    internal bool HasPads => (PadTop | PadLeft | PadBottom | PadRight) != 0;

    internal int OutputHeight(int input, bool ceil) => OutputSize(input, PadTop, PadBottom, StrideY, ExtentY, ceil);

    internal int OutputWidth(int input, bool ceil) => OutputSize(input, PadLeft, PadRight, StrideX, ExtentX, ceil);

    /// <summary>Whether every kernel position sees something of the input: what ONNX asks of a pool, and not of a convolution.</summary>
    internal bool PadsLessThanItSees => PadTop < ExtentY && PadBottom < ExtentY && PadLeft < ExtentX && PadRight < ExtentX;

    internal bool IsValid =>
        IsSize(KernelHeight) && IsSize(KernelWidth) && IsSize(StrideY) && IsSize(StrideX) && IsSize(DilationY) && IsSize(DilationX)
        && (long)DilationY * KernelHeight <= PlanShape.MaxSide && (long)DilationX * KernelWidth <= PlanShape.MaxSide
        && IsPad(PadTop) && IsPad(PadBottom) && IsPad(PadLeft) && IsPad(PadRight);

    private static bool IsSize(int size) => size is > 0 and <= PlanShape.MaxSide;

    private static bool IsPad(int pad) => pad is >= 0 and <= PlanShape.MaxSide;

    /// <summary>ONNX's output size; with ceil, a last window that would start in the end padding is dropped.</summary>
    private static int OutputSize(int input, int before, int after, int stride, int extent, bool ceil)
    {
        var span = input + before + after - extent;
        if (span < 0)
            return 0;
        var size = (ceil ? (span + stride - 1) / stride : span / stride) + 1;
        return ceil && (size - 1) * stride >= input + before ? size - 1 : size;
    }
}
