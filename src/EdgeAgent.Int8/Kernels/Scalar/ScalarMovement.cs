using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Scalar;

/// <summary>y = table[x].</summary>
internal sealed unsafe class TableStep(TensorView input, TensorView output, byte[] table) : Step
{
    public override int Units => output.Height;

    public override long Work => 10L * output.Shape.Count;

    public override void Run(int first, int last)
    {
        fixed (byte* t = table)
            for (var y = first; y < last; y++)
            {
                var (from, to) = ((nint)input.Row(y), (nint)output.Row(y));
                for (var i = 0; i < output.RowLength; i++)
                    ((byte*)to)[i] = t[((byte*)from)[i]];
            }
    }
}

/// <summary>Values [H][W][C] of the plan. They are copied in every run because other tensors use the same memory in between.</summary>
internal sealed unsafe class ConstantStep(byte[] values, TensorView output) : Step
{
    public override int Units => output.Height;

    public override long Work => output.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
            values.AsSpan(y * output.RowLength, output.RowLength).CopyTo(new(output.Row(y), output.RowLength));
    }
}

/// <summary>
/// Copies one input of a concatenation to its place. Where the quantization differs, v = (q - z_x) * (s_x / s_y) is
/// rounded; the 256 results are a table.
/// </summary>
internal sealed unsafe class PlacementStep : Step
{
    private readonly TensorView _input;
    private readonly TensorView _output;
    private readonly int _offset;
    private readonly byte[]? _table;

    /// <param name="offset">Position of the input along the axis.</param>
    public PlacementStep(TensorView input, TensorView output, ConcatAxis axis, int offset)
    {
        _input = input;
        _output = output;
        _offset = axis switch
        {
            ConcatAxis.Height => offset * output.RowStride,
            ConcatAxis.Width => offset * output.Channels,
            _ => offset,
        };
        if (input.Quantization == output.Quantization)
            return;
        var ratio = Requantization.Ratio(input.Quantization.Scale, output.Quantization.Scale);
        var requantization = new Requantization(output.Zero, 0, 255);
        _table = new byte[256];
        for (var q = 0; q < 256; q++)
            _table[q] = requantization.Round((q - input.Zero) * ratio);
    }

    public override int Units => _input.Height;

    public override long Work => 10L * _input.Shape.Count;

    public override void Run(int first, int last)
    {
        // Runs of bytes that stay together: whole rows, unless the axis is the channels.
        var whole = _input.Channels == _output.Channels;
        var (runs, length) = whole ? (1, _input.RowLength) : (_input.Width, _input.Channels);
        for (var y = first; y < last; y++)
            for (var x = 0; x < runs; x++)
            {
                var from = new ReadOnlySpan<byte>(_input.Pixel(y, x), length);
                var to = new Span<byte>(_output.Pixel(y, x) + _offset, length);
                from.CopyTo(to);
                if (_table is not null)
                    foreach (ref var q in to)
                        q = _table[q];
            }
    }
}

/// <summary>A tensor inside a border of one value.</summary>
internal sealed unsafe class PaddingStep(TensorView input, TensorView output, int top, int left, byte value) : Step
{
    public override int Units => output.Height;

    public override long Work => 10L * output.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
        {
            new Span<byte>(output.Row(y), output.RowLength).Fill(value);
            if ((uint)(y - top) < (uint)input.Height)
                new ReadOnlySpan<byte>(input.Row(y - top), input.RowLength).CopyTo(new(output.Pixel(y, left), input.RowLength));
        }
    }
}

/// <summary>The elements in [C, H, W] order under another shape.</summary>
internal sealed unsafe class ReshapeStep(TensorView input, TensorView output) : Step
{
    /// <summary>Both tensors are one run of bytes in the same order.</summary>
    private readonly bool _isCopy = IsOneRun(input) && IsOneRun(output);

    public override int Units => 1;

    public override long Work => 10L * output.Shape.Count;

    public override void Run(int first, int last)
    {
        if (_isCopy)
        {
            new ReadOnlySpan<byte>(input.Data, input.Shape.Count).CopyTo(new(output.Data, output.Shape.Count));
            return;
        }
        var i = 0;
        for (var c = 0; c < output.Channels; c++)
            for (var y = 0; y < output.Height; y++)
                for (var x = 0; x < output.Width; x++, i++)
                {
                    var (sourceChannel, pixel) = (i / input.Shape.Pixels, i % input.Shape.Pixels);
                    output.Pixel(y, x)[c] = input.Pixel(pixel / input.Width, pixel % input.Width)[sourceChannel];
                }
    }

    private static bool IsOneRun(TensorView t) =>
        (t.Channels == 1 || t.Shape.Pixels == 1) && (t.Height == 1 || t.RowStride == t.RowLength);
}
