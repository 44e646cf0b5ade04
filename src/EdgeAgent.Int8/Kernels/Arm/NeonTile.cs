using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>
/// 4 pixels x 8 channels, twice for a panel, for cores without dot product (A53, A57, A72): SMULL and SMLAL put the
/// products of two quads into int16 (which holds two products of s8 by [-127, 127]), SADALP adds neighbours to int32.
/// </summary>
/// <remarks>A register of accumulators holds two channels as two halves each; they are joined at the end.</remarks>
internal readonly unsafe struct NeonTile : IConvolutionTile
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
            var (x, y) = (Quad(x0 + o), Quad(x0 + p));
            a0 = Lower(a0, x, wa, y, va);
            b0 = Upper(b0, x, wa, y, va);
            c0 = Lower(c0, x, wb, y, vb);
            d0 = Upper(d0, x, wb, y, vb);
            (x, y) = (Quad(x1 + o), Quad(x1 + p));
            a1 = Lower(a1, x, wa, y, va);
            b1 = Upper(b1, x, wa, y, va);
            c1 = Lower(c1, x, wb, y, vb);
            d1 = Upper(d1, x, wb, y, vb);
            (x, y) = (Quad(x2 + o), Quad(x2 + p));
            a2 = Lower(a2, x, wa, y, va);
            b2 = Upper(b2, x, wa, y, va);
            c2 = Lower(c2, x, wb, y, vb);
            d2 = Upper(d2, x, wb, y, vb);
            (x, y) = (Quad(x3 + o), Quad(x3 + p));
            a3 = Lower(a3, x, wa, y, va);
            b3 = Upper(b3, x, wa, y, va);
            c3 = Lower(c3, x, wb, y, vb);
            d3 = Upper(d3, x, wb, y, vb);
        }
        if (offsets < end)
        {
            nint o = *offsets;
            var (wa, wb) = (Vector128.Load(w), Vector128.Load(w + 16));
            var none = Vector128<sbyte>.Zero;
            var x = Quad(x0 + o);
            a0 = Lower(a0, x, wa, none, none);
            b0 = Upper(b0, x, wa, none, none);
            c0 = Lower(c0, x, wb, none, none);
            d0 = Upper(d0, x, wb, none, none);
            x = Quad(x1 + o);
            a1 = Lower(a1, x, wa, none, none);
            b1 = Upper(b1, x, wa, none, none);
            c1 = Lower(c1, x, wb, none, none);
            d1 = Upper(d1, x, wb, none, none);
            x = Quad(x2 + o);
            a2 = Lower(a2, x, wa, none, none);
            b2 = Upper(b2, x, wa, none, none);
            c2 = Lower(c2, x, wb, none, none);
            d2 = Upper(d2, x, wb, none, none);
            x = Quad(x3 + o);
            a3 = Lower(a3, x, wa, none, none);
            b3 = Upper(b3, x, wa, none, none);
            c3 = Lower(c3, x, wb, none, none);
            d3 = Upper(d3, x, wb, none, none);
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

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ComputePixel(PanelArguments* panel, byte* input, int* accumulators) =>
        NeonPixel<NeonMultiplyDot>.Compute(panel, input, accumulators);

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) =>
        Lanes128.Store(
            Requantize128.Apply(accumulators, panel->Multipliers, panel->Low, panel->High, panel->Zero), output, panel->Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Lower(Vector128<int> acc, Vector128<sbyte> x, Vector128<sbyte> w, Vector128<sbyte> y, Vector128<sbyte> v) =>
        AdvSimd.AddPairwiseWideningAndAdd(
            acc,
            AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningLower(x.GetLower(), w.GetLower()), y.GetLower(), v.GetLower()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Upper(Vector128<int> acc, Vector128<sbyte> x, Vector128<sbyte> w, Vector128<sbyte> y, Vector128<sbyte> v) =>
        AdvSimd.AddPairwiseWideningAndAdd(acc, AdvSimd.MultiplyWideningUpperAndAdd(AdvSimd.MultiplyWideningUpper(x, w), y, v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join(Vector128<int> a, Vector128<int> b, Vector128<int> bias, int* accumulators) =>
        (AdvSimd.Arm64.AddPairwise(a, b) + bias).Store(accumulators);

    /// <summary>Four copies of a quad, signed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Quad(byte* x) =>
        (AdvSimd.LoadAndReplicateToVector128((int*)x).AsByte() ^ Vector128.Create((byte)0x80)).AsSByte();
}

/// <summary>One pixel by a panel, for either way to multiply.</summary>
internal static unsafe class NeonPixel<TDot> where TDot : struct, IDot128
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Compute(PanelArguments* panel, byte* input, int* accumulators)
    {
        var (a, b) = (Vector128.Load(panel->Bias), Vector128.Load(panel->Bias + 4));
        var (c, d) = (Vector128.Load(panel->Bias + 8), Vector128.Load(panel->Bias + 12));
        var w = panel->Weights;
        var offsets = panel->QuadOffsets;
        var end = offsets + panel->Quads;
        for (; offsets < end; offsets++, w += 64)
        {
            var x = AdvSimd.LoadAndReplicateToVector128((int*)(input + *offsets)).AsByte() ^ Vector128.Create((byte)0x80);
            a = TDot.Dot(a, x, Vector128.Load(w));
            b = TDot.Dot(b, x, Vector128.Load(w + 16));
            c = TDot.Dot(c, x, Vector128.Load(w + 32));
            d = TDot.Dot(d, x, Vector128.Load(w + 48));
        }
        a.Store(accumulators);
        b.Store(accumulators + 4);
        c.Store(accumulators + 8);
        d.Store(accumulators + 12);
    }
}
