using System.Runtime.CompilerServices;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>
/// Depthwise convolution. For each output row, four input rows at a time are interleaved byte by byte, so that each
/// channel of each column is one quad; every quad then serves all kernel columns and pixels that see it.
/// </summary>
internal sealed unsafe class DepthwiseConvolution<TRow> : Step where TRow : struct, IDepthwiseRow
{
    /// <summary>Interleaved columns are kept below this, so that they stay in the L1 cache and on the stack.</summary>
    private const int ScratchBytes = 24 << 10;

    private const int ScratchSlack = 256;

    private readonly PackedDepthwise _packed;
    private readonly TensorView _x;
    private readonly TensorView _y;
    private readonly PlanWindow _window;
    private readonly Requantization _requantization;
    private readonly int _segment;
    private readonly bool _pairs;

    public DepthwiseConvolution(in ConvolutionTask task)
    {
        _pairs = task.Window is { StrideY: 1, DilationY: 1 } && task.Window.KernelHeight % 4 != 0;
        _packed = new(task, TRow.ActivationOffset, _pairs);
        (_x, _y, _window, _requantization) = (task.Input, task.Output, task.Window, task.Requantization);
        Work = 5 * task.Macs;
        _segment = Math.Min(_y.Width, SegmentOf(task));
    }

    /// <summary>Rows, or pairs of rows.</summary>
    public override int Units => _pairs ? (_y.Height + 1) / 2 : _y.Height;

    public override long Work { get; }

    /// <summary>Whether the columns of at least one output pixel fit the scratch memory.</summary>
    public static bool Supports(in ConvolutionTask task) => SegmentOf(task) >= 1;

    [SkipLocalsInit]
    public override void Run(int first, int last)
    {
        var scratch = stackalloc byte[ScratchBytes + ScratchSlack];
        var columns = scratch + (-(nint)scratch & 63);
        for (var unit = first; unit < last; unit++)
            for (var ox = 0; ox < _y.Width; ox += _segment)
                RunSegment(_pairs ? 2 * unit : unit, ox, Math.Min(_segment, _y.Width - ox), columns);
    }

    /// <summary>Output pixels whose columns fit: 4 bytes a band for each byte of the columns they see.</summary>
    private static int SegmentOf(in ConvolutionTask task)
    {
        var bands = (task.Window.KernelHeight + 3) / 4;
        var columns = ScratchBytes / (4L * bands * task.Input.Channels);
        return (int)((columns - task.Window.ExtentX) / task.Window.StrideX + (columns >= task.Window.ExtentX ? 1 : 0));
    }

    private void RunSegment(int oy, int ox, int pixels, byte* columns)
    {
        var channels = _x.Channels;
        var length = ((pixels - 1) * _window.StrideX + _window.ExtentX) * channels;
        var band = length * 4;
        var rows = _pairs && oy + 1 < _y.Height ? 2 : 1;
        var kernelRows = _window.KernelHeight + rows - 1;
        var top = _x.Data + (nint)(oy * _window.StrideY - _window.PadTop) * _x.RowStride + (ox * _window.StrideX - _window.PadLeft) * channels;
        for (var b = 0; b < _packed.Bands; b++)
            TRow.Interleave(
                Row(top, b * 4, kernelRows), Row(top, b * 4 + 1, kernelRows), Row(top, b * 4 + 2, kernelRows), Row(top, b * 4 + 3, kernelRows),
                columns + b * band, length);

        var arguments = new DepthwiseArguments
        {
            PixelStep = _window.StrideX * channels * 4,
            ColumnStep = _window.DilationX * channels * 4,
            BandStep = band,
            KernelWidth = _window.KernelWidth,
            Bands = _packed.Bands,
            Pixels = pixels,
            OutputStep = channels,
            OutputRowStep = _y.RowStride,
            Rows = rows,
            Low = _requantization.Low,
            High = _requantization.High,
            Zero = _requantization.Zero,
        };
        for (var block = 0; block < _packed.Blocks; block++)
        {
            arguments.Weights = _packed.Weights(block);
            arguments.Bias = _packed.Bias(block);
            arguments.Multipliers = _packed.Multipliers(block);
            arguments.Columns = columns + block * PackedDepthwise.BlockWidth * 4;
            arguments.Output = _y.Pixel(oy, ox) + block * PackedDepthwise.BlockWidth;
            arguments.Channels = Math.Min(PackedDepthwise.BlockWidth, channels - block * PackedDepthwise.BlockWidth);
            if (_pairs)
                TRow.ComputePair(&arguments);
            else
                TRow.Compute(&arguments);
        }
    }

    /// <summary>Row of a kernel row; beyond the kernel any row, since its weights are zero.</summary>
    private byte* Row(byte* top, int ky, int kernelRows) => top + (nint)(ky < kernelRows ? ky * _window.DilationY : 0) * _x.RowStride;
}
