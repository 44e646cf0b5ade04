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
    private const int ScratchSlack = 256;

    private readonly PackedDepthwise _packed;
    private readonly TensorView _x;
    private readonly TensorView _y;
    private readonly PlanWindow _window;
    private readonly Requantization _requantization;
    private readonly DepthwiseCut _cut;
    private readonly int _segments;
    private readonly int _slices;
    private readonly bool _pairs;

    public DepthwiseConvolution(in ConvolutionTask task)
    {
        _pairs = task.Window is { StrideY: 1, DilationY: 1 } && task.Window.KernelHeight % 4 != 0 && task.Output.Height > 1;
        _packed = new(task, TRow.ActivationOffset, _pairs);
        (_x, _y, _window, _requantization) = (task.Input, task.Output, task.Window, task.Requantization);
        Work = 5 * task.Macs;
        _cut = DepthwiseCut.Of(_window, _x.Channels, _y.Width);
        _segments = (_y.Width + _cut.Pixels - 1) / _cut.Pixels;
        _slices = (_x.Channels + _cut.Channels - 1) / _cut.Channels;
        Units = (_pairs ? (_y.Height + 1) / 2 : _y.Height) * _segments * _slices;
    }

    /// <summary>Pieces of rows, or of pairs of rows: a sequence has one row only.</summary>
    public override int Units { get; }

    public override long Work { get; }

    /// <summary>Whether the columns of at least one output pixel fit the scratch memory.</summary>
    public static bool Supports(in ConvolutionTask task) => DepthwiseCut.Of(task.Window, task.Input.Channels, task.Output.Width).Pixels >= 1;

    [SkipLocalsInit]
    public override void Run(int first, int last)
    {
        var scratch = stackalloc byte[DepthwiseCut.ScratchBytes + ScratchSlack];
        var columns = scratch + (-(nint)scratch & 63);
        for (var unit = first; unit < last; unit++)
        {
            var (row, piece) = Math.DivRem(unit, _segments * _slices);
            var (slice, segment) = Math.DivRem(piece, _segments);
            var (channel, ox) = (slice * _cut.Channels, segment * _cut.Pixels);
            RunPiece(
                _pairs ? 2 * row : row, ox, Math.Min(_cut.Pixels, _y.Width - ox), channel, Math.Min(_cut.Channels, _x.Channels - channel), columns);
        }
    }

    private void RunPiece(int oy, int ox, int pixels, int channel, int channels, byte* columns)
    {
        var count = (pixels - 1) * _window.StrideX + _window.ExtentX;
        var band = count * channels * 4;
        var rows = _pairs && oy + 1 < _y.Height ? 2 : 1;
        var kernelRows = _window.KernelHeight + rows - 1;
        var top = _x.Data + (nint)(oy * _window.StrideY - _window.PadTop) * _x.RowStride + (ox * _window.StrideX - _window.PadLeft) * _x.Channels + channel;
        // All channels of all columns are one run of bytes; of a slice those of each column are.
        var (runs, length) = channels == _x.Channels ? (1, count * channels) : (count, channels);
        for (var b = 0; b < _packed.Bands; b++)
        {
            var r0 = Row(top, b * 4, kernelRows);
            var r1 = Row(top, b * 4 + 1, kernelRows);
            var r2 = Row(top, b * 4 + 2, kernelRows);
            var r3 = Row(top, b * 4 + 3, kernelRows);
            // What one run writes too much, the next one overwrites.
            for (var run = 0; run < runs; run++)
            {
                var from = (nint)run * _x.Channels;
                TRow.Interleave(r0 + from, r1 + from, r2 + from, r3 + from, columns + b * band + run * length * 4, length);
            }
        }

        var arguments = new DepthwiseArguments
        {
            PixelStep = _window.StrideX * channels * 4,
            ColumnStep = _window.DilationX * channels * 4,
            BandStep = band,
            KernelWidth = _window.KernelWidth,
            Bands = _packed.Bands,
            Pixels = pixels,
            OutputStep = _y.Channels,
            OutputRowStep = _y.RowStride,
            Rows = rows,
            Low = _requantization.Low,
            High = _requantization.High,
            Zero = _requantization.Zero,
        };
        for (var c = 0; c < channels; c += PackedDepthwise.BlockWidth)
        {
            var block = (channel + c) / PackedDepthwise.BlockWidth;
            arguments.Weights = _packed.Weights(block);
            arguments.Bias = _packed.Bias(block);
            arguments.Multipliers = _packed.Multipliers(block);
            arguments.Columns = columns + c * 4;
            arguments.Output = _y.Pixel(oy, ox) + channel + c;
            arguments.Channels = Math.Min(PackedDepthwise.BlockWidth, channels - c);
            if (_pairs)
                TRow.ComputePair(&arguments);
            else
                TRow.Compute(&arguments);
        }
    }

    /// <summary>Row of a kernel row; beyond the kernel any row, since its weights are zero.</summary>
    private byte* Row(byte* top, int ky, int kernelRows) => top + (nint)(ky < kernelRows ? ky * _window.DilationY : 0) * _x.RowStride;
}
