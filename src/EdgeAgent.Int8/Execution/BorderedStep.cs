using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// A step whose output has a border: fills it with the zero point, which stands for 0.0, before its first unit. It has to
/// be filled in every run because other tensors use the same memory in between.
/// </summary>
internal sealed unsafe class BorderedStep(Step inner, TensorView output, TensorPlace place) : Step
{
    public override int Units => inner.Units;

    public override long Work => inner.Work;

    public override void Run(int first, int last)
    {
        if (first == 0)
            Fill();
        inner.Run(first, last);
    }

    private void Fill()
    {
        var zero = (byte)output.Zero;
        var corner = output.Data - (nint)place.Top * place.RowStride - (nint)place.Left * output.Channels;
        // The right border of a row and the left border of the next are one run of bytes.
        var (left, between) = (place.Left * output.Channels, (place.Left + place.Right) * output.Channels);
        var row = corner + (nint)place.Top * place.RowStride;
        new Span<byte>(corner, place.Top * place.RowStride + left).Fill(zero);
        if (between > 0)
            for (var y = 0; y < output.Height - 1; y++)
                new Span<byte>(row + (nint)y * place.RowStride + left + output.RowLength, between).Fill(zero);
        var end = row + (nint)(output.Height - 1) * place.RowStride + left + output.RowLength;
        new Span<byte>(end, (int)(corner + (nint)(place.Top + output.Height + place.Bottom) * place.RowStride - end)).Fill(zero);
    }
}
