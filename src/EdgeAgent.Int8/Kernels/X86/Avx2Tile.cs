using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>
/// 4 pixels x 16 channels with VPMADDWD on int16, so that nothing saturates: input and weights are widened beforehand where
/// a layer's shape allows it, else even and odd bytes on the way. 8 registers accumulate, up to 4 hold weights.
/// </summary>
internal readonly unsafe struct Avx2Tile : IConvolutionTile
{
    public static int Rows => 4;

    public static int ActivationOffset => 0;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        var last = rows - 1;
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var a0 = Vector256.Load(panel->Bias);
        var b0 = Vector256.Load(panel->Bias + 8);
        var (a1, b1, a2, b2, a3, b3) = (a0, b0, a0, b0, a0, b0);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            nint o = *offsets;
            var wa = Vector256.Load(w);
            var wb = Vector256.Load(w + 32);
            var waEven = Avx2Dot256.EvenBytes(wa);
            var waOdd = Avx2Dot256.OddBytes(wa);
            var wbEven = Avx2Dot256.EvenBytes(wb);
            var wbOdd = Avx2Dot256.OddBytes(wb);
            var x = Quad(x0 + o);
            var (even, odd) = (Avx2Dot256.EvenBytes(x), Avx2Dot256.OddBytes(x));
            a0 += Avx2.MultiplyAddAdjacent(even, waEven) + Avx2.MultiplyAddAdjacent(odd, waOdd);
            b0 += Avx2.MultiplyAddAdjacent(even, wbEven) + Avx2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x1 + o);
            (even, odd) = (Avx2Dot256.EvenBytes(x), Avx2Dot256.OddBytes(x));
            a1 += Avx2.MultiplyAddAdjacent(even, waEven) + Avx2.MultiplyAddAdjacent(odd, waOdd);
            b1 += Avx2.MultiplyAddAdjacent(even, wbEven) + Avx2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x2 + o);
            (even, odd) = (Avx2Dot256.EvenBytes(x), Avx2Dot256.OddBytes(x));
            a2 += Avx2.MultiplyAddAdjacent(even, waEven) + Avx2.MultiplyAddAdjacent(odd, waOdd);
            b2 += Avx2.MultiplyAddAdjacent(even, wbEven) + Avx2.MultiplyAddAdjacent(odd, wbOdd);
            x = Quad(x3 + o);
            (even, odd) = (Avx2Dot256.EvenBytes(x), Avx2Dot256.OddBytes(x));
            a3 += Avx2.MultiplyAddAdjacent(even, waEven) + Avx2.MultiplyAddAdjacent(odd, waOdd);
            b3 += Avx2.MultiplyAddAdjacent(even, wbEven) + Avx2.MultiplyAddAdjacent(odd, wbOdd);
        }
        Store(panel, rows, output, outputOffsets, a0, b0, a1, b1, a2, b2, a3, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(
        PanelArguments* panel, int rows, byte* output, int* outputOffsets, Vector256<int> a0, Vector256<int> b0, Vector256<int> a1, Vector256<int> b1,
        Vector256<int> a2, Vector256<int> b2, Vector256<int> a3, Vector256<int> b3)
    {
        var requantize = Avx2Requantize.Of(panel);
        var channels = panel->Channels;
        // All of them before the first store: no accumulator may live across a call, or the loop would spill it.
        var y0 = requantize.Apply(a0, b0);
        var y1 = requantize.Apply(a1, b1);
        var y2 = requantize.Apply(a2, b2);
        var y3 = requantize.Apply(a3, b3);
        Lanes128.Store(y0, output + outputOffsets[0], channels);
        if (rows > 1)
            Lanes128.Store(y1, output + outputOffsets[1], channels);
        if (rows > 2)
            Lanes128.Store(y2, output + outputOffsets[2], channels);
        if (rows > 3)
            Lanes128.Store(y3, output + outputOffsets[3], channels);
    }

    public static bool Widens => true;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(byte* from, short* to, int count)
    {
        const byte no = 255;
        var order = Vector256.Create(
            (byte)0, no, 2, no, 1, no, 3, no, 4, no, 6, no, 5, no, 7, no, 8, no, 10, no, 9, no, 11, no, 12, no, 14, no, 13, no, 15, no);
        for (var i = 0; i < count; i += 16)
            Avx2.Shuffle(Avx2.BroadcastVector128ToVector256(from + i), order).AsInt16().Store(to + i);
    }

    /// <summary>Two products and two sums of a register are all that is left to be done for each quad of a pixel.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputeWidened(PanelArguments* panel, short* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        var last = rows - 1;
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var a0 = Vector256.Load(panel->Bias);
        var b0 = Vector256.Load(panel->Bias + 8);
        var (a1, b1, a2, b2, a3, b3) = (a0, b0, a0, b0, a0, b0);
        var w = panel->WidenedWeights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            nint o = *offsets;
            var (wa, wb) = (Vector256.Load(w), Vector256.Load(w + 16));
            var x = Pair(x0 + o);
            a0 += Avx2.MultiplyAddAdjacent(x, wa);
            b0 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x1 + o);
            a1 += Avx2.MultiplyAddAdjacent(x, wa);
            b1 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x2 + o);
            a2 += Avx2.MultiplyAddAdjacent(x, wa);
            b2 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x3 + o);
            a3 += Avx2.MultiplyAddAdjacent(x, wa);
            b3 += Avx2.MultiplyAddAdjacent(x, wb);
            (wa, wb) = (Vector256.Load(w + 32), Vector256.Load(w + 48));
            x = Pair(x0 + o + 2);
            a0 += Avx2.MultiplyAddAdjacent(x, wa);
            b0 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x1 + o + 2);
            a1 += Avx2.MultiplyAddAdjacent(x, wa);
            b1 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x2 + o + 2);
            a2 += Avx2.MultiplyAddAdjacent(x, wa);
            b2 += Avx2.MultiplyAddAdjacent(x, wb);
            x = Pair(x3 + o + 2);
            a3 += Avx2.MultiplyAddAdjacent(x, wa);
            b3 += Avx2.MultiplyAddAdjacent(x, wb);
        }
        Store(panel, rows, output, outputOffsets, a0, b0, a1, b1, a2, b2, a3, b3);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators)
    {
        var a = Vector256.Load(panel->Bias);
        var b = Vector256.Load(panel->Bias + 8);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            var x = Quad(input + *offsets);
            a = Avx2Dot256.Dot(a, x, Vector256.Load(w));
            b = Avx2Dot256.Dot(b, x, Vector256.Load(w + 32));
        }
        a.Store(accumulators);
        b.Store(accumulators + 8);
    }

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) =>
        Lanes128.Store(
            Avx2Requantize.Of(panel).Apply(Vector256.Load(accumulators), Vector256.Load(accumulators + 8)), output, panel->Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Pair(short* x) => Avx2.BroadcastScalarToVector256((int*)x).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Quad(byte* x) => Avx2.BroadcastScalarToVector256((int*)x).AsByte();
}
