using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.X86;

/// <summary>6 pixels x 16 channels with VPDPBUSD (u8 x s8, four products to each int32 lane): 12 of 16 registers accumulate.</summary>
internal readonly unsafe struct AvxVnniTile : IConvolutionTile
{
    public static int Rows => 6;

    public static int ActivationOffset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        if (panel->Channels > 8)
            ComputeWide(panel, input, inputOffsets, rows, output, outputOffsets);
        else
            ComputeNarrow(panel, input, inputOffsets, rows, output, outputOffsets);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputeWide(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        // Rows that the image no longer has repeat its last one and are not stored.
        var last = rows - 1;
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var x4 = input + inputOffsets[Math.Min(4, last)];
        var x5 = input + inputOffsets[Math.Min(5, last)];
        var a0 = Vector256.Load(panel->Bias);
        var b0 = Vector256.Load(panel->Bias + 8);
        var (a1, b1, a2, b2, a3, b3, a4, b4, a5, b5) = (a0, b0, a0, b0, a0, b0, a0, b0, a0, b0);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            nint o = *offsets;
            var wa = Vector256.Load(w);
            var wb = Vector256.Load(w + 32);
            var x = Quad(x0 + o);
            a0 = AvxVnni.MultiplyWideningAndAdd(a0, x, wa);
            b0 = AvxVnni.MultiplyWideningAndAdd(b0, x, wb);
            x = Quad(x1 + o);
            a1 = AvxVnni.MultiplyWideningAndAdd(a1, x, wa);
            b1 = AvxVnni.MultiplyWideningAndAdd(b1, x, wb);
            x = Quad(x2 + o);
            a2 = AvxVnni.MultiplyWideningAndAdd(a2, x, wa);
            b2 = AvxVnni.MultiplyWideningAndAdd(b2, x, wb);
            x = Quad(x3 + o);
            a3 = AvxVnni.MultiplyWideningAndAdd(a3, x, wa);
            b3 = AvxVnni.MultiplyWideningAndAdd(b3, x, wb);
            x = Quad(x4 + o);
            a4 = AvxVnni.MultiplyWideningAndAdd(a4, x, wa);
            b4 = AvxVnni.MultiplyWideningAndAdd(b4, x, wb);
            x = Quad(x5 + o);
            a5 = AvxVnni.MultiplyWideningAndAdd(a5, x, wa);
            b5 = AvxVnni.MultiplyWideningAndAdd(b5, x, wb);
        }
        var requantize = Avx2Requantize.Of(panel);
        var channels = panel->Channels;
        // All of them before the first store: no accumulator may live across a call, or the loop would spill it.
        var y0 = requantize.Apply(a0, b0);
        var y1 = requantize.Apply(a1, b1);
        var y2 = requantize.Apply(a2, b2);
        var y3 = requantize.Apply(a3, b3);
        var y4 = requantize.Apply(a4, b4);
        var y5 = requantize.Apply(a5, b5);
        Lanes128.Store(y0, output + outputOffsets[0], channels);
        if (rows > 1)
            Lanes128.Store(y1, output + outputOffsets[1], channels);
        if (rows > 2)
            Lanes128.Store(y2, output + outputOffsets[2], channels);
        if (rows > 3)
            Lanes128.Store(y3, output + outputOffsets[3], channels);
        if (rows > 4)
            Lanes128.Store(y4, output + outputOffsets[4], channels);
        if (rows > 5)
            Lanes128.Store(y5, output + outputOffsets[5], channels);
    }

    /// <summary>The same for a last panel of at most 8 channels.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ComputeNarrow(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        var last = rows - 1;
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var x4 = input + inputOffsets[Math.Min(4, last)];
        var x5 = input + inputOffsets[Math.Min(5, last)];
        var a0 = Vector256.Load(panel->Bias);
        var (a1, a2, a3, a4, a5) = (a0, a0, a0, a0, a0);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            nint o = *offsets;
            var wa = Vector256.Load(w);
            a0 = AvxVnni.MultiplyWideningAndAdd(a0, Quad(x0 + o), wa);
            a1 = AvxVnni.MultiplyWideningAndAdd(a1, Quad(x1 + o), wa);
            a2 = AvxVnni.MultiplyWideningAndAdd(a2, Quad(x2 + o), wa);
            a3 = AvxVnni.MultiplyWideningAndAdd(a3, Quad(x3 + o), wa);
            a4 = AvxVnni.MultiplyWideningAndAdd(a4, Quad(x4 + o), wa);
            a5 = AvxVnni.MultiplyWideningAndAdd(a5, Quad(x5 + o), wa);
        }
        // Two pixels to a register; all of them before the first store, as above.
        var requantize = Avx2Requantize.OfPairs(panel);
        var y01 = requantize.Apply(a0, a1);
        var y23 = requantize.Apply(a2, a3);
        var y45 = requantize.Apply(a4, a5);
        var channels = panel->Channels;
        Lanes128.StoreLower(y01, output + outputOffsets[0], channels);
        if (rows > 1)
            Lanes128.StoreUpper(y01, output + outputOffsets[1], channels);
        if (rows > 2)
            Lanes128.StoreLower(y23, output + outputOffsets[2], channels);
        if (rows > 3)
            Lanes128.StoreUpper(y23, output + outputOffsets[3], channels);
        if (rows > 4)
            Lanes128.StoreLower(y45, output + outputOffsets[4], channels);
        if (rows > 5)
            Lanes128.StoreUpper(y45, output + outputOffsets[5], channels);
    }

    /// <summary>Four quads at a time into four pairs of accumulators, so that the adds do not wait for one another.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators)
    {
        var a0 = Vector256.Load(panel->Bias);
        var b0 = Vector256.Load(panel->Bias + 8);
        var (a1, b1, a2, b2, a3, b3) = (Vector256<int>.Zero, Vector256<int>.Zero, Vector256<int>.Zero, Vector256<int>.Zero, Vector256<int>.Zero, Vector256<int>.Zero);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets + 4 <= end; offsets += 4, w += 256)
        {
            var x = Quad(input + offsets[0]);
            a0 = AvxVnni.MultiplyWideningAndAdd(a0, x, Vector256.Load(w));
            b0 = AvxVnni.MultiplyWideningAndAdd(b0, x, Vector256.Load(w + 32));
            x = Quad(input + offsets[1]);
            a1 = AvxVnni.MultiplyWideningAndAdd(a1, x, Vector256.Load(w + 64));
            b1 = AvxVnni.MultiplyWideningAndAdd(b1, x, Vector256.Load(w + 96));
            x = Quad(input + offsets[2]);
            a2 = AvxVnni.MultiplyWideningAndAdd(a2, x, Vector256.Load(w + 128));
            b2 = AvxVnni.MultiplyWideningAndAdd(b2, x, Vector256.Load(w + 160));
            x = Quad(input + offsets[3]);
            a3 = AvxVnni.MultiplyWideningAndAdd(a3, x, Vector256.Load(w + 192));
            b3 = AvxVnni.MultiplyWideningAndAdd(b3, x, Vector256.Load(w + 224));
        }
        for (; offsets < end; offsets++, w += 64)
        {
            var x = Quad(input + offsets[0]);
            a0 = AvxVnni.MultiplyWideningAndAdd(a0, x, Vector256.Load(w));
            b0 = AvxVnni.MultiplyWideningAndAdd(b0, x, Vector256.Load(w + 32));
        }
        (a0 + a1 + (a2 + a3)).Store(accumulators);
        (b0 + b1 + (b2 + b3)).Store(accumulators + 8);
    }

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) =>
        Lanes128.Store(
            Avx2Requantize.Of(panel).Apply(Vector256.Load(accumulators), Vector256.Load(accumulators + 8)), output, panel->Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Quad(byte* x) => Avx2.BroadcastScalarToVector256((int*)x).AsByte();
}
