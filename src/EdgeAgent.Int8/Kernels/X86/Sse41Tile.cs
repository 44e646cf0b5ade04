using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>
/// 4 pixels x 8 channels, twice for a panel, with PMADDWD on even and odd bytes widened to int16. 8 of 16 registers
/// accumulate, 4 hold weights.
/// </summary>
internal readonly unsafe struct Sse41Tile : IConvolutionTile
{
    public static int Rows => 4;

    public static int ActivationOffset => 0;

    [SkipLocalsInit]
    public static void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        const int row = PackedConvolution.PanelWidth;
        var accumulators = stackalloc int[4 * row];
        for (var half = 0; half < panel->Channels; half += 8)
            Accumulate(panel, half, input, inputOffsets, rows - 1, accumulators + half);
        for (var r = 0; r < rows; r++)
            Store(panel, accumulators + r * row, output + outputOffsets[r]);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate(PanelArguments* panel, int half, byte* input, int* inputOffsets, int last, int* accumulators)
    {
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var a0 = Vector128.Load(panel->Bias + half);
        var b0 = Vector128.Load(panel->Bias + half + 4);
        var (a1, b1, a2, b2, a3, b3) = (a0, b0, a0, b0, a0, b0);
        var w = panel->Weights + half * 4;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            nint o = *offsets;
            var wa = Vector128.Load(w);
            var wb = Vector128.Load(w + 16);
            var (waEven, waOdd) = (Sse41Dot.EvenBytes(wa), Sse41Dot.OddBytes(wa));
            var (wbEven, wbOdd) = (Sse41Dot.EvenBytes(wb), Sse41Dot.OddBytes(wb));
            var x = Quad(x0 + o);
            var (even, odd) = (Sse41Dot.EvenBytes(x), Sse41Dot.OddBytes(x));
            a0 += Sse2.MultiplyAddAdjacent(even, waEven) + Sse2.MultiplyAddAdjacent(odd, waOdd);
            b0 += Sse2.MultiplyAddAdjacent(even, wbEven) + Sse2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x1 + o);
            (even, odd) = (Sse41Dot.EvenBytes(x), Sse41Dot.OddBytes(x));
            a1 += Sse2.MultiplyAddAdjacent(even, waEven) + Sse2.MultiplyAddAdjacent(odd, waOdd);
            b1 += Sse2.MultiplyAddAdjacent(even, wbEven) + Sse2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x2 + o);
            (even, odd) = (Sse41Dot.EvenBytes(x), Sse41Dot.OddBytes(x));
            a2 += Sse2.MultiplyAddAdjacent(even, waEven) + Sse2.MultiplyAddAdjacent(odd, waOdd);
            b2 += Sse2.MultiplyAddAdjacent(even, wbEven) + Sse2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x3 + o);
            (even, odd) = (Sse41Dot.EvenBytes(x), Sse41Dot.OddBytes(x));
            a3 += Sse2.MultiplyAddAdjacent(even, waEven) + Sse2.MultiplyAddAdjacent(odd, waOdd);
            b3 += Sse2.MultiplyAddAdjacent(even, wbEven) + Sse2.MultiplyAddAdjacent(odd, wbOdd);
        }
        a0.Store(accumulators);
        b0.Store(accumulators + 4);
        a1.Store(accumulators + 16);
        b1.Store(accumulators + 20);
        a2.Store(accumulators + 32);
        b2.Store(accumulators + 36);
        a3.Store(accumulators + 48);
        b3.Store(accumulators + 52);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators)
    {
        var (a, b) = (Vector128.Load(panel->Bias), Vector128.Load(panel->Bias + 4));
        var (c, d) = (Vector128.Load(panel->Bias + 8), Vector128.Load(panel->Bias + 12));
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            var x = Quad(input + *offsets);
            a = Sse41Dot.Dot(a, x, Vector128.Load(w));
            b = Sse41Dot.Dot(b, x, Vector128.Load(w + 16));
            c = Sse41Dot.Dot(c, x, Vector128.Load(w + 32));
            d = Sse41Dot.Dot(d, x, Vector128.Load(w + 48));
        }
        a.Store(accumulators);
        b.Store(accumulators + 4);
        c.Store(accumulators + 8);
        d.Store(accumulators + 12);
    }

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) =>
        Lanes128.Store(
            Requantize128.Apply(accumulators, panel->Multipliers, panel->Low, panel->High, panel->Zero), output, panel->Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Quad(byte* x) => Vector128.Create(*(int*)x).AsByte();
}
