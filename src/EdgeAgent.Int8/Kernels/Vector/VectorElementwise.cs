using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>
/// Sum, difference or product of 16 bytes by 16 bytes. An instance holds the constants as vectors: made before a loop, it
/// leaves nothing but the arithmetic inside of it.
/// </summary>
internal interface IElementwiseLanes<TSelf> where TSelf : struct
{
    static abstract TSelf Of(in ElementwiseConstants k);

    Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b);

    Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b);
}

internal readonly struct ElementwiseConstants(in ElementwiseTask task)
{
    public readonly float RatioA = task.RatioA;
    public readonly float RatioB = task.RatioB;
    public readonly int ZeroA = task.A.Zero;
    public readonly int ZeroB = task.B.Zero;
    public readonly float Low = task.Requantization.Low;
    public readonly float High = task.Requantization.High;
    public readonly int Zero = task.Requantization.Zero;
}

/// <summary>
/// Elementwise operators: along whole rows where both tensors have them, along the channels of each pixel where the
/// second is repeated.
/// </summary>
internal sealed unsafe class VectorElementwise<TLanes>(ElementwiseTask task) : Step where TLanes : struct, IElementwiseLanes<TLanes>
{
    private readonly ElementwiseConstants _constants = new(task);

    public override int Units => task.Output.Height;

    public override long Work => 50L * task.Output.Shape.Count;

    public override void Run(int first, int last)
    {
        for (var y = first; y < last; y++)
            if (!task.Broadcast)
                Combine(task.A.Row(y), task.B.Row(y), task.Output.Row(y), task.Output.RowLength);
            else
                for (var x = 0; x < task.Output.Width; x++)
                    Combine(task.A.Pixel(y, x), task.B.Data, task.Output.Pixel(y, x), task.Output.Channels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Combine(byte* a, byte* b, byte* output, int length)
    {
        var lanes = TLanes.Of(_constants);
        if (task.Kind == Arithmetic.Multiply)
            for (var i = 0; i < length; i += 16)
                Lanes128.Store(lanes.Product(Vector128.Load(a + i), Vector128.Load(b + i)), output + i, length - i);
        else
            for (var i = 0; i < length; i += 16)
                Lanes128.Store(lanes.Sum(Vector128.Load(a + i), Vector128.Load(b + i)), output + i, length - i);
    }
}

/// <summary>SSE4.1 and NEON.</summary>
internal readonly struct ElementwiseLanes128 : IElementwiseLanes<ElementwiseLanes128>
{
    private readonly Vector128<float> _zeroA;
    private readonly Vector128<float> _zeroB;
    private readonly Vector128<float> _ratioA;
    private readonly Vector128<float> _ratioB;
    private readonly Vector128<float> _low;
    private readonly Vector128<float> _high;
    private readonly Vector128<short> _zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ElementwiseLanes128(in ElementwiseConstants k)
    {
        (_zeroA, _zeroB) = (Vector128.Create((float)k.ZeroA), Vector128.Create((float)k.ZeroB));
        (_ratioA, _ratioB) = (Vector128.Create(k.RatioA), Vector128.Create(k.RatioB));
        (_low, _high, _zero) = (Vector128.Create(k.Low), Vector128.Create(k.High), Vector128.Create((short)k.Zero));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ElementwiseLanes128 Of(in ElementwiseConstants k) => new(k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b)
    {
        var (a0, a1, a2, a3) = Lanes128.Floats(a);
        var (b0, b1, b2, b3) = Lanes128.Floats(b);
        return Pack(Sum(a0, b0), Sum(a1, b1), Sum(a2, b2), Sum(a3, b3));
    }

    /// <summary>The products of integers are below 2^24: exact in float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b)
    {
        var (a0, a1, a2, a3) = Lanes128.Floats(a);
        var (b0, b1, b2, b3) = Lanes128.Floats(b);
        return Pack(Product(a0, b0), Product(a1, b1), Product(a2, b2), Product(a3, b3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<float> Sum(Vector128<float> a, Vector128<float> b) => (a - _zeroA) * _ratioA + (b - _zeroB) * _ratioB;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<float> Product(Vector128<float> a, Vector128<float> b) => (a - _zeroA) * (b - _zeroB) * _ratioA;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<byte> Pack(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) => Lanes128.Pack(
        Lanes128.Round(a, _low, _high), Lanes128.Round(b, _low, _high), Lanes128.Round(c, _low, _high), Lanes128.Round(d, _low, _high), _zero);
}
