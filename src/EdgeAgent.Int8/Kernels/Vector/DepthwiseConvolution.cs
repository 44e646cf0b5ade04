using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>
/// Depthwise convolution. For each output row, four input rows at a time are interleaved byte by byte, so that each
/// channel of each column is one quad; every quad then serves all kernel columns and pixels that see it. Where several output
/// channels share one of the input, its quads are repeated for each.
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
    private readonly int _multiplier;
    private readonly int _segments;
    private readonly int _slices;
    private readonly bool _pairs;

    public DepthwiseConvolution(in ConvolutionTask task)
    {
        _pairs = task.Window is { StrideY: 1, DilationY: 1 } && task.Window.KernelHeight % 4 != 0 && task.Output.Height > 1;
        _packed = new(task, TRow.ActivationOffset, _pairs);
        (_x, _y, _window, _requantization) = (task.Input, task.Output, task.Window, task.Requantization);
        Work = 5 * task.Macs;
        _multiplier = _y.Channels / _x.Channels;
        _cut = Cut(task);
        _segments = (_y.Width + _cut.Pixels - 1) / _cut.Pixels;
        _slices = (_y.Channels + _cut.Channels - 1) / _cut.Channels;
        Units = (_pairs ? (_y.Height + 1) / 2 : _y.Height) * _segments * _slices;
    }

    /// <summary>Pieces of rows, or of pairs of rows: a sequence has one row only.</summary>
    public override int Units { get; }

    public override long Work { get; }

    /// <summary>Whether the columns of at least one output pixel fit the scratch memory.</summary>
    public static bool Supports(in ConvolutionTask task) => Cut(task).Pixels >= 1;

    private static DepthwiseCut Cut(in ConvolutionTask task) =>
        DepthwiseCut.Of(task.Window, task.Output.Channels / task.Input.Channels, task.Output.Channels, task.Output.Width);

    [SkipLocalsInit]
    public override void Run(int first, int last)
    {
        var scratch = stackalloc byte[DepthwiseCut.ScratchBytes + ScratchSlack];
        var columns = scratch + (-(nint)scratch & 63);
        var once = stackalloc byte[_multiplier > 1 ? DepthwiseCut.ScratchBytes / 2 + ScratchSlack : 0];
        for (var unit = first; unit < last; unit++)
        {
            var (row, piece) = Math.DivRem(unit, _segments * _slices);
            var (slice, segment) = Math.DivRem(piece, _segments);
            var (channel, ox) = (slice * _cut.Channels, segment * _cut.Pixels);
            RunPiece(
                _pairs ? 2 * row : row, ox, Math.Min(_cut.Pixels, _y.Width - ox), channel, Math.Min(_cut.Channels, _y.Channels - channel), columns, once);
        }
    }

    /// <param name="once">Room for one column of input channels, where they are to be repeated.</param>
    private void RunPiece(int oy, int ox, int pixels, int channel, int channels, byte* columns, byte* once)
    {
        var count = (pixels - 1) * _window.StrideX + _window.ExtentX;
        var band = count * channels * 4;
        var rows = _pairs && oy + 1 < _y.Height ? 2 : 1;
        var kernelRows = _window.KernelHeight + rows - 1;
        var top = _x.Data + (nint)(oy * _window.StrideY - _window.PadTop) * _x.RowStride + (ox * _window.StrideX - _window.PadLeft) * _x.Channels + channel / _multiplier;
        // All channels of all columns are one run of bytes; of a slice those of each column are.
        var (runs, length) = _multiplier == 1 && channels == _x.Channels ? (1, count * channels) : (count, channels / _multiplier);
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
                var to = columns + b * band + run * channels * 4;
                TRow.Interleave(r0 + from, r1 + from, r2 + from, r3 + from, _multiplier > 1 ? once : to, length);
                if (_multiplier > 1)
                    Repeat((uint*)once, (uint*)to, length, _multiplier);
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

    /// <summary>Each quad so many times; writes up to three quads too many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Repeat(uint* quads, uint* to, int count, int times)
    {
        for (var i = 0; i < count; i++, to += times)
            for (var output = 0; output < times; output += 4)
                Vector128.Create(quads[i]).Store(to + output);
    }

    /// <summary>Row of a kernel row; beyond the kernel any row, since its weights are zero.</summary>
    private byte* Row(byte* top, int ky, int kernelRows) => top + (nint)(ky < kernelRows ? ky * _window.DilationY : 0) * _x.RowStride;
}
