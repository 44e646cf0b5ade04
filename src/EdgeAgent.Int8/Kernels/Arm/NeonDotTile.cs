using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Kernels.Vector;

namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>
/// 4 pixels x 16 channels with SDOT. Four quads of a run are one load per pixel, each multiplied by element; 16 of 32
/// registers accumulate.
/// </summary>
internal readonly unsafe struct NeonDotTile : IConvolutionTile
{
    public static int Rows => 4;

    public static int ActivationOffset => 128;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets)
    {
        var last = rows - 1;
        var x0 = input + inputOffsets[0];
        var x1 = input + inputOffsets[Math.Min(1, last)];
        var x2 = input + inputOffsets[Math.Min(2, last)];
        var x3 = input + inputOffsets[Math.Min(3, last)];
        var (a0, b0) = (Vector128.Load(panel->Bias), Vector128.Load(panel->Bias + 4));
        var (c0, d0) = (Vector128.Load(panel->Bias + 8), Vector128.Load(panel->Bias + 12));
        var (a1, b1, c1, d1) = (a0, b0, c0, d0);
        var (a2, b2, c2, d2) = (a0, b0, c0, d0);
        var (a3, b3, c3, d3) = (a0, b0, c0, d0);
        var w = panel->Weights;
        for (var run = 0; run < panel->RunCount; run++)
        {
            nint o = panel->Runs[2 * run];
            var quads = panel->Runs[2 * run + 1];
            for (; quads >= 4; quads -= 4, o += 16, w += 256)
            {
                var (q0, q1, q2, q3) = (Signed(x0 + o), Signed(x1 + o), Signed(x2 + o), Signed(x3 + o));
                Step(w, 0, q0, q1, q2, q3, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3);
                Step(w + 64, 1, q0, q1, q2, q3, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3);
                Step(w + 128, 2, q0, q1, q2, q3, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3);
                Step(w + 192, 3, q0, q1, q2, q3, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3);
            }
            for (; quads > 0; quads--, o += 4, w += 64)
            {
                var (q0, q1, q2, q3) = (Quad(x0 + o), Quad(x1 + o), Quad(x2 + o), Quad(x3 + o));
                Step(w, 0, q0, q1, q2, q3, ref a0, ref b0, ref c0, ref d0, ref a1, ref b1, ref c1, ref d1, ref a2, ref b2, ref c2, ref d2, ref a3, ref b3, ref c3, ref d3);
            }
        }
        // All of them before the first store: no accumulator may live across a call, or the loop would spill it.
        var y0 = Requantize(panel, a0, b0, c0, d0);
        var y1 = Requantize(panel, a1, b1, c1, d1);
        var y2 = Requantize(panel, a2, b2, c2, d2);
        var y3 = Requantize(panel, a3, b3, c3, d3);
        var channels = panel->Channels;
        Lanes128.Store(y0, output + outputOffsets[0], channels);
        if (rows > 1)
            Lanes128.Store(y1, output + outputOffsets[1], channels);
        if (rows > 2)
            Lanes128.Store(y2, output + outputOffsets[2], channels);
        if (rows > 3)
            Lanes128.Store(y3, output + outputOffsets[3], channels);
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
            a = Dp.DotProduct(a, Vector128.Load(w), x);
            b = Dp.DotProduct(b, Vector128.Load(w + 16), x);
            c = Dp.DotProduct(c, Vector128.Load(w + 32), x);
            d = Dp.DotProduct(d, Vector128.Load(w + 48), x);
        }
        a.Store(accumulators);
        b.Store(accumulators + 4);
        c.Store(accumulators + 8);
        d.Store(accumulators + 12);
    }

    public static void Store(PanelArguments* panel, int* accumulators, byte* output) => Lanes128.Store(
        Requantize128.Apply(accumulators, panel->Multipliers, panel->Low, panel->High, panel->Zero), output, panel->Channels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Requantize(PanelArguments* panel, Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) =>
        Requantize128.Apply(a, b, c, d, panel->Multipliers, panel->Multipliers + 8, panel->Low, panel->High, panel->Zero);

    /// <summary>One quad of weights, 16 channels, by the quad at <paramref name="lane"/> of each pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        sbyte* w, [ConstantExpected(Min = (byte)0, Max = (byte)3)] byte lane, Vector128<sbyte> q0, Vector128<sbyte> q1, Vector128<sbyte> q2, Vector128<sbyte> q3,
        ref Vector128<int> a0, ref Vector128<int> b0, ref Vector128<int> c0, ref Vector128<int> d0,
        ref Vector128<int> a1, ref Vector128<int> b1, ref Vector128<int> c1, ref Vector128<int> d1,
        ref Vector128<int> a2, ref Vector128<int> b2, ref Vector128<int> c2, ref Vector128<int> d2,
        ref Vector128<int> a3, ref Vector128<int> b3, ref Vector128<int> c3, ref Vector128<int> d3)
    {
        var weights = Vector128.Load(w);
        a0 = Dp.DotProductBySelectedQuadruplet(a0, weights, q0, lane);
        a1 = Dp.DotProductBySelectedQuadruplet(a1, weights, q1, lane);
        a2 = Dp.DotProductBySelectedQuadruplet(a2, weights, q2, lane);
        a3 = Dp.DotProductBySelectedQuadruplet(a3, weights, q3, lane);
        weights = Vector128.Load(w + 16);
        b0 = Dp.DotProductBySelectedQuadruplet(b0, weights, q0, lane);
        b1 = Dp.DotProductBySelectedQuadruplet(b1, weights, q1, lane);
        b2 = Dp.DotProductBySelectedQuadruplet(b2, weights, q2, lane);
        b3 = Dp.DotProductBySelectedQuadruplet(b3, weights, q3, lane);
        weights = Vector128.Load(w + 32);
        c0 = Dp.DotProductBySelectedQuadruplet(c0, weights, q0, lane);
        c1 = Dp.DotProductBySelectedQuadruplet(c1, weights, q1, lane);
        c2 = Dp.DotProductBySelectedQuadruplet(c2, weights, q2, lane);
        c3 = Dp.DotProductBySelectedQuadruplet(c3, weights, q3, lane);
        weights = Vector128.Load(w + 48);
        d0 = Dp.DotProductBySelectedQuadruplet(d0, weights, q0, lane);
        d1 = Dp.DotProductBySelectedQuadruplet(d1, weights, q1, lane);
        d2 = Dp.DotProductBySelectedQuadruplet(d2, weights, q2, lane);
        d3 = Dp.DotProductBySelectedQuadruplet(d3, weights, q3, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Signed(byte* x) => (Vector128.Load(x) ^ Vector128.Create((byte)0x80)).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Quad(byte* x) =>
        (AdvSimd.LoadAndReplicateToVector128((int*)x).AsByte() ^ Vector128.Create((byte)0x80)).AsSByte();
}
