using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Plan;

/// <summary>Sums over the weights of a channel, by vectors: they are most of what loading a plan takes.</summary>
internal static class WeightSums
{
    /// <summary>Vectors whose bytes 16 bits can add up, two to a lane: 127 x 2 x 128 is below 2^15.</summary>
    private const int VectorsOfShortSum = 127;

    public static long Sum(ReadOnlySpan<sbyte> weights) => Sum(weights, absolute: false);

    /// <summary>Sum of the magnitudes.</summary>
    public static long AbsoluteSum(ReadOnlySpan<sbyte> weights) => Sum(weights, absolute: true);

    private static long Sum(ReadOnlySpan<sbyte> weights, bool absolute)
    {
        long sum = 0;
        var vectors = MemoryMarshal.Cast<sbyte, Vector128<sbyte>>(weights);
        for (var i = 0; i < vectors.Length;)
        {
            var shorts = Vector128<short>.Zero;
            for (var end = Math.Min(vectors.Length, i + VectorsOfShortSum); i < end; i++)
            {
                var (low, high) = Vector128.Widen(vectors[i]);
                shorts += absolute ? Vector128.Abs(low) + Vector128.Abs(high) : low + high;
            }
            var (a, b) = Vector128.Widen(shorts);
            sum += Vector128.Sum(a + b);
        }
        foreach (var w in weights[(vectors.Length * Vector128<sbyte>.Count)..])
            sum += absolute ? Math.Abs((int)w) : w;
        return sum;
    }
}
