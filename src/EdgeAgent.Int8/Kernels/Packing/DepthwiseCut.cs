using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// The pieces in which a depthwise convolution interleaves its input: what one piece sees has to stay in the L1 cache, and on
/// the stack.
/// </summary>
/// <param name="Channels">Output channels of a slice: all, or a multiple of a block.</param>
/// <param name="Pixels">Output pixels of a piece; 0 where not even one block of one pixel fits.</param>
internal readonly record struct DepthwiseCut(int Channels, int Pixels)
{
    /// <summary>Interleaved columns at most.</summary>
    public const int ScratchBytes = 24 << 10;

    /// <summary>Two vectors of 32 bytes: what is read and written too much beside a slice is little.</summary>
    private const int PreferredSlice = 64;

    /// <summary>
    /// All channels at once where a piece then sees at least twice what one pixel does; else slices, in as few pieces of a row as
    /// they allow, because what two pieces see is interleaved twice.
    /// </summary>
    /// <param name="multiplier">Output channels of each input channel, which stay in one slice.</param>
    /// <param name="channels">Of the output.</param>
    public static DepthwiseCut Of(PlanWindow window, int multiplier, int channels, int width)
    {
        var pixels = FittingPixels(window, channels, width);
        if (IsEnough(window, channels, pixels, width))
            return new(channels, Even(pixels, width));
        for (var slice = PreferredSlice; slice >= PackedDepthwise.BlockWidth; slice /= 2)
        {
            if (slice >= channels || slice % multiplier != 0)
                continue;
            pixels = FittingPixels(window, slice, width);
            if (IsEnough(window, slice, pixels, width) || slice == PackedDepthwise.BlockWidth)
                return new(slice, Even(pixels, width));
        }
        return new(channels, Even(pixels, width));
    }

    private static bool IsEnough(PlanWindow window, int channels, int pixels, int width) =>
        pixels == width || FittingColumns(window, channels) >= 2L * window.ExtentX;

    /// <summary>4 bytes a band for each channel.</summary>
    private static long FittingColumns(PlanWindow window, int channels) => ScratchBytes / (4L * ((window.KernelHeight + 3) / 4) * channels);

    private static int FittingPixels(PlanWindow window, int channels, int width)
    {
        var columns = FittingColumns(window, channels);
        return columns < window.ExtentX ? 0 : (int)Math.Min(width, (columns - window.ExtentX) / window.StrideX + 1);
    }

    /// <summary>As many pieces of a row as there have to be, of about one size.</summary>
    private static int Even(int pixels, int width)
    {
        if (pixels == 0)
            return 0;
        var pieces = (width + pixels - 1) / pixels;
        return (width + pieces - 1) / pieces;
    }
}
