using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// A step whose output has a border: fills it with the zero point, which stands for 0.0, beside the rows that its units
/// stand for. It has to be filled in every run because other tensors use the same memory in between.
/// </summary>
internal sealed unsafe class BorderedStep(Step inner, TensorView output, TensorPlace place) : Step
{
    public override int Units => inner.Units;

    public override long Work => inner.Work;

    public override void Run(int first, int last)
    {
        // A unit need not be a row: any share of the border does, as long as all units together fill all of it.
        Fill(RowOf(first), RowOf(last));
        inner.Run(first, last);
    }

    private int RowOf(int unit) => (int)((long)output.Height * unit / inner.Units);

    /// <summary>What lies beside the rows [first, last), above the first row and below the last.</summary>
    private void Fill(int first, int last)
    {
        var zero = (byte)output.Zero;
        var (left, right) = (place.Left * output.Channels, place.Right * output.Channels);
        if (first == 0 && first < last)
            new Span<byte>(output.Data - (nint)place.Top * place.RowStride - left, place.Top * place.RowStride + left).Fill(zero);
        // The right border of a row and the left border of the next are one run of bytes.
        if (left + right > 0)
            for (var y = first; y < Math.Min(last, output.Height - 1); y++)
                new Span<byte>(output.Row(y) + output.RowLength, left + right).Fill(zero);
        if (last == output.Height && first < last)
            new Span<byte>(output.Row(output.Height - 1) + output.RowLength, right + place.Bottom * place.RowStride).Fill(zero);
    }
}
