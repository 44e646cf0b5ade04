using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>
/// 4 pixels x 8 channels, twice for a panel, for cores without dot product (A53, A57, A72): SMULL and SMLAL put the
/// products of two quads into int16, where that holds two, SADALP adds neighbours to int32.
/// </summary>
/// <remarks>A register of accumulators holds two channels as two halves each; they are joined at the end.</remarks>
internal readonly unsafe struct NeonTile<TRange> : IConvolutionTile where TRange : struct, IWeightRange
{
    public static int Rows => 4;

    public static int ActivationOffset => 128;

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
        var (a0, b0, c0, d0) = (Vector128<int>.Zero, Vector128<int>.Zero, Vector128<int>.Zero, Vector128<int>.Zero);
        var (a1, b1, c1, d1) = (a0, a0, a0, a0);
        var (a2, b2, c2, d2) = (a0, a0, a0, a0);
        var (a3, b3, c3, d3) = (a0, a0, a0, a0);
        var w = panel->Weights + half * 4;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets + 2 <= end; offsets += 2, w += 128)
        {
            nint o = offsets[0];
            nint p = offsets[1];
            var (wa, wb) = (Vector128.Load(w), Vector128.Load(w + 16));
            var (va, vb) = (Vector128.Load(w + 64), Vector128.Load(w + 80));
            Multiply(Quad(x0 + o), Quad(x0 + p), wa, wb, va, vb, ref a0, ref b0, ref c0, ref d0);
            Multiply(Quad(x1 + o), Quad(x1 + p), wa, wb, va, vb, ref a1, ref b1, ref c1, ref d1);
            Multiply(Quad(x2 + o), Quad(x2 + p), wa, wb, va, vb, ref a2, ref b2, ref c2, ref d2);
            Multiply(Quad(x3 + o), Quad(x3 + p), wa, wb, va, vb, ref a3, ref b3, ref c3, ref d3);
        }
        if (offsets < end)
        {
            nint o = *offsets;
            var (wa, wb) = (Vector128.Load(w), Vector128.Load(w + 16));
            var none = Vector128<sbyte>.Zero;
            Multiply(Quad(x0 + o), none, wa, wb, none, none, ref a0, ref b0, ref c0, ref d0);
            Multiply(Quad(x1 + o), none, wa, wb, none, none, ref a1, ref b1, ref c1, ref d1);
            Multiply(Quad(x2 + o), none, wa, wb, none, none, ref a2, ref b2, ref c2, ref d2);
            Multiply(Quad(x3 + o), none, wa, wb, none, none, ref a3, ref b3, ref c3, ref d3);
        }
        var (bias0, bias1) = (Vector128.Load(panel->Bias + half), Vector128.Load(panel->Bias + half + 4));
        Join(a0, b0, bias0, accumulators);
        Join(c0, d0, bias1, accumulators + 4);
        Join(a1, b1, bias0, accumulators + 16);
        Join(c1, d1, bias1, accumulators + 20);
        Join(a2, b2, bias0, accumulators + 32);
        Join(c2, d2, bias1, accumulators + 36);
        Join(a3, b3, bias0, accumulators + 48);
        Join(c3, d3, bias1, accumulators + 52);
    }

    /// <summary>All 16 channels of one pixel: 8 registers accumulate.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators)
    {
        var (a, b, c, d) = (Vector128<int>.Zero, Vector128<int>.Zero, Vector128<int>.Zero, Vector128<int>.Zero);
        var (e, f, g, h) = (a, a, a, a);
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets + 2 <= end; offsets += 2, w += 128)
        {
            var (x, y) = (Quad(input + offsets[0]), Quad(input + offsets[1]));
            Multiply(x, y, Vector128.Load(w), Vector128.Load(w + 16), Vector128.Load(w + 64), Vector128.Load(w + 80), ref a, ref b, ref c, ref d);
            Multiply(x, y, Vector128.Load(w + 32), Vector128.Load(w + 48), Vector128.Load(w + 96), Vector128.Load(w + 112), ref e, ref f, ref g, ref h);
        }
        if (offsets < end)
        {
            var (x, none) = (Quad(input + *offsets), Vector128<sbyte>.Zero);
            Multiply(x, none, Vector128.Load(w), Vector128.Load(w + 16), none, none, ref a, ref b, ref c, ref d);
            Multiply(x, none, Vector128.Load(w + 32), Vector128.Load(w + 48), none, none, ref e, ref f, ref g, ref h);
        }
        Join(a, b, Vector128.Load(panel->Bias), accumulators);
        Join(c, d, Vector128.Load(panel->Bias + 4), accumulators + 4);
        Join(e, f, Vector128.Load(panel->Bias + 8), accumulators + 8);
        Join(g, h, Vector128.Load(panel->Bias + 12), accumulators + 12);
    }

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) =>
        Lanes128.Store(
            Requantize128.Apply(accumulators, panel->Multipliers, panel->Low, panel->High, panel->Zero), output, panel->Channels);

    /// <summary>
    /// Two quads of one pixel by 8 channels. Four chains beside one another: the cores without dot product include those that
    /// execute in order, and a product is ready only four cycles later.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(
        Vector128<sbyte> x, Vector128<sbyte> y, Vector128<sbyte> wa, Vector128<sbyte> wb, Vector128<sbyte> va, Vector128<sbyte> vb,
        ref Vector128<int> a, ref Vector128<int> b, ref Vector128<int> c, ref Vector128<int> d)
    {
        var pa = AdvSimd.MultiplyWideningLower(x.GetLower(), wa.GetLower());
        var pb = AdvSimd.MultiplyWideningUpper(x, wa);
        var pc = AdvSimd.MultiplyWideningLower(x.GetLower(), wb.GetLower());
        var pd = AdvSimd.MultiplyWideningUpper(x, wb);
        if (!TRange.TwoProductsFit)
        {
            a = AdvSimd.AddPairwiseWideningAndAdd(a, pa);
            b = AdvSimd.AddPairwiseWideningAndAdd(b, pb);
            c = AdvSimd.AddPairwiseWideningAndAdd(c, pc);
            d = AdvSimd.AddPairwiseWideningAndAdd(d, pd);
            (pa, pb, pc, pd) = (Vector128<short>.Zero, Vector128<short>.Zero, Vector128<short>.Zero, Vector128<short>.Zero);
        }
        pa = AdvSimd.MultiplyWideningLowerAndAdd(pa, y.GetLower(), va.GetLower());
        pb = AdvSimd.MultiplyWideningUpperAndAdd(pb, y, va);
        pc = AdvSimd.MultiplyWideningLowerAndAdd(pc, y.GetLower(), vb.GetLower());
        pd = AdvSimd.MultiplyWideningUpperAndAdd(pd, y, vb);
        a = AdvSimd.AddPairwiseWideningAndAdd(a, pa);
        b = AdvSimd.AddPairwiseWideningAndAdd(b, pb);
        c = AdvSimd.AddPairwiseWideningAndAdd(c, pc);
        d = AdvSimd.AddPairwiseWideningAndAdd(d, pd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(Vector128<int> a, Vector128<int> b, Vector128<int> bias, int* accumulators) =>
        (AdvSimd.Arm64.AddPairwise(a, b) + bias).Store(accumulators);

    /// <summary>Four copies of a quad, signed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Quad(byte* x) =>
        (AdvSimd.LoadAndReplicateToVector128((int*)x).AsByte() ^ Vector128.Create((byte)0x80)).AsSByte();
}
