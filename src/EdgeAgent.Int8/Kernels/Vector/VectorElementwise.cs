using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Vector;

/// <summary>Sum, difference or product of 16 bytes by 16 bytes; static, compiled for its instruction set.</summary>
internal interface IElementwiseLanes
{
    static abstract Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k);

    static abstract Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k);
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
internal sealed unsafe class VectorElementwise<TLanes>(ElementwiseTask task) : Step where TLanes : struct, IElementwiseLanes
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
        var k = _constants;
        if (task.Kind == Arithmetic.Multiply)
            for (var i = 0; i < length; i += 16)
                Lanes128.Store(TLanes.Product(Vector128.Load(a + i), Vector128.Load(b + i), k), output + i, length - i);
        else
            for (var i = 0; i < length; i += 16)
                Lanes128.Store(TLanes.Sum(Vector128.Load(a + i), Vector128.Load(b + i), k), output + i, length - i);
    }
}

/// <summary>SSE4.1 and NEON.</summary>
internal readonly struct ElementwiseLanes128 : IElementwiseLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Sum(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k)
    {
        var (za, zb) = (Vector128.Create((float)k.ZeroA), Vector128.Create((float)k.ZeroB));
        var (ra, rb) = (Vector128.Create(k.RatioA), Vector128.Create(k.RatioB));
        var (a0, a1, a2, a3) = Lanes128.Floats(a);
        var (b0, b1, b2, b3) = Lanes128.Floats(b);
        return Pack((a0 - za) * ra + (b0 - zb) * rb, (a1 - za) * ra + (b1 - zb) * rb, (a2 - za) * ra + (b2 - zb) * rb, (a3 - za) * ra + (b3 - zb) * rb, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Product(Vector128<byte> a, Vector128<byte> b, in ElementwiseConstants k)
    {
        // The products of integers are below 2^24: exact in float32.
        var (za, zb, r) = (Vector128.Create((float)k.ZeroA), Vector128.Create((float)k.ZeroB), Vector128.Create(k.RatioA));
        var (a0, a1, a2, a3) = Lanes128.Floats(a);
        var (b0, b1, b2, b3) = Lanes128.Floats(b);
        return Pack((a0 - za) * (b0 - zb) * r, (a1 - za) * (b1 - zb) * r, (a2 - za) * (b2 - zb) * r, (a3 - za) * (b3 - zb) * r, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Pack(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d, in ElementwiseConstants k)
    {
        var (low, high) = (Vector128.Create(k.Low), Vector128.Create(k.High));
        return Lanes128.Pack(
            Lanes128.Round(a, low, high), Lanes128.Round(b, low, high), Lanes128.Round(c, low, high), Lanes128.Round(d, low, high),
            Vector128.Create((short)k.Zero));
    }
}
