using System.Runtime.CompilerServices;

namespace EdgeAgent.Int8.Roofline;

/// <summary>The instruction, or the shortest sequence, by which a kernel set multiplies and accumulates one vector.</summary>
internal interface IMacLanes<TVector> where TVector : unmanaged
{
    /// <summary>Multiply-accumulates of one <see cref="Add"/>.</summary>
    static abstract int Macs { get; }

    static abstract TVector Add(TVector sum, TVector x, TVector w);
}

/// <summary>
/// Multiplies and accumulates as fast as the instructions allow: ten chains, enough for two pipes of five cycles each,
/// and one load for two multiplications, as in a convolution's inner kernel. The loads also keep the compiler from moving
/// the products out of the loop.
/// </summary>
internal static unsafe class MacLoop
{
    /// <summary>Bytes of a loop's input; half of the smallest L1 data cache.</summary>
    public const int DataBytes = 5 * 32 * 96;

    /// <summary>Bytes behind the input that the sums are stored to.</summary>
    public const int SumBytes = 10 * 32;

    /// <summary>Runs over the input again and again.</summary>
    /// <param name="data"><see cref="DataBytes"/> of input and <see cref="SumBytes"/> of room.</param>
    /// <returns>Multiply-accumulates done.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Run<TVector, TLanes>(byte* data, int passes)
        where TVector : unmanaged
        where TLanes : struct, IMacLanes<TVector>
    {
        var (w0, w1) = (At<TVector>(data, 0), At<TVector>(data, 1));
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default, b4 = default;
        var end = data + DataBytes;
        for (var pass = 0; pass < passes; pass++)
            for (var at = data; at < end; at += 5 * sizeof(TVector))
            {
                var x = At<TVector>(at, 0);
                (a0, b0) = (TLanes.Add(a0, x, w0), TLanes.Add(b0, x, w1));
                x = At<TVector>(at, 1);
                (a1, b1) = (TLanes.Add(a1, x, w0), TLanes.Add(b1, x, w1));
                x = At<TVector>(at, 2);
                (a2, b2) = (TLanes.Add(a2, x, w0), TLanes.Add(b2, x, w1));
                x = At<TVector>(at, 3);
                (a3, b3) = (TLanes.Add(a3, x, w0), TLanes.Add(b3, x, w1));
                x = At<TVector>(at, 4);
                (a4, b4) = (TLanes.Add(a4, x, w0), TLanes.Add(b4, x, w1));
            }
        // Stored, so that they are needed.
        var sums = (TVector*)end;
        (sums[0], sums[1], sums[2], sums[3], sums[4]) = (a0, a1, a2, a3, a4);
        (sums[5], sums[6], sums[7], sums[8], sums[9]) = (b0, b1, b2, b3, b4);
        return (long)passes * (DataBytes / sizeof(TVector)) * 2 * TLanes.Macs;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector At<TVector>(byte* data, int index) where TVector : unmanaged => Unsafe.ReadUnaligned<TVector>(data + index * sizeof(TVector));
}

/// <summary>What the scalar kernels do: one product at a time.</summary>
internal readonly struct ScalarMacLanes : IMacLanes<int>, IMacLanes<float>
{
    static int IMacLanes<int>.Macs => 1;

    static int IMacLanes<float>.Macs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Add(int sum, int x, int w) => sum + x * w;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float sum, float x, float w) => sum + x * w;
}
