using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Roofline;

/// <param name="Bytes">Size of the data that is read again and again; what level of the memory that is depends on the board.</param>
/// <param name="GigabytesPerSecond">10^9 bytes a second.</param>
public readonly record struct ReadRate(int Bytes, double GigabytesPerSecond);

/// <summary>What one core can do at most: no operator is faster than the instructions and the memory below.</summary>
/// <param name="KernelSet">Whose instructions the int8 peak is of.</param>
/// <param name="Int8GigaMacs">Peak int8 multiply-accumulates in 10^9 a second.</param>
/// <param name="Float32GigaMacs">Peak float32 multiply-accumulates of the same build.</param>
/// <param name="Reads">From the first level cache to memory.</param>
/// <param name="CopyGigabytesPerSecond">memcpy in memory, 10^9 bytes copied a second.</param>
/// <param name="FillGigabytesPerSecond">memset in memory.</param>
public sealed record CoreRoofline(
    string KernelSet,
    double Int8GigaMacs,
    double Float32GigaMacs,
    IReadOnlyList<ReadRate> Reads,
    double CopyGigabytesPerSecond,
    double FillGigabytesPerSecond)
{
    /// <summary>First level, second level, and what no board's caches hold.</summary>
    private static readonly int[] s_readBytes = [16 << 10, 128 << 10, 512 << 10, MemoryBytes];

    private const int MemoryBytes = 32 << 20;

    /// <summary>Time for one figure; there are eight.</summary>
    private static readonly TimeSpan s_time = TimeSpan.FromMilliseconds(25);

    /// <summary>Slices of less are too short for the clocks of small boards.</summary>
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(0.5);

    /// <summary>Measures the calling thread's core in about a quarter of a second, with 32 MB of memory.</summary>
    public static unsafe CoreRoofline Measure(KernelSet kernels)
    {
        var memory = (byte*)NativeMemory.AlignedAlloc(MemoryBytes, 64);
        try
        {
            NativeMemory.Fill(memory, MemoryBytes, 1);
            var sink = stackalloc byte[16];
            var reads = new ReadRate[s_readBytes.Length];
            for (var i = 0; i < reads.Length; i++)
                reads[i] = new(s_readBytes[i], BestRate(passes => MemoryLoops.Read(memory, s_readBytes[i], passes, sink)));
            return new(
                kernels.Name,
                PeakInt8(kernels),
                Peak(kernels.Float32Macs),
                reads,
                BestRate(passes => Repeat(passes, MemoryBytes / 2, n => NativeMemory.Copy(memory, memory + n, (nuint)n))),
                BestRate(passes => Repeat(passes, MemoryBytes, n => NativeMemory.Fill(memory, (nuint)n, 1))));
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    /// <summary>Only the int8 peak, in 10^9 multiply-accumulates a second.</summary>
    public static unsafe double PeakInt8(KernelSet kernels) => Peak(kernels.Int8Macs);

    private static unsafe double Peak(MacLoopOf loop)
    {
        var data = (byte*)NativeMemory.AlignedAlloc(MacLoop.DataBytes + MacLoop.SumBytes, 64);
        try
        {
            // As int8 60, as float32 0.0115: nothing that a multiplier would take longer for.
            NativeMemory.Fill(data, MacLoop.DataBytes + MacLoop.SumBytes, 0x3c);
            return BestRate(passes => loop(data, passes));
        }
        finally
        {
            NativeMemory.AlignedFree(data);
        }
    }

    /// <summary>
    /// Units of work in 10^9 a second, of the fastest slice: whatever else the machine does can only make a slice slower.
    /// </summary>
    /// <param name="work">Does so many passes and returns the units done.</param>
    private static double BestRate(Func<int, long> work)
    {
        var start = Stopwatch.GetTimestamp();
        work(1);
        double best = 0;
        for (var passes = 1; ;)
        {
            var from = Stopwatch.GetTimestamp();
            var units = work(passes);
            var elapsed = Stopwatch.GetElapsedTime(from);
            if (elapsed >= s_slice)
                best = Math.Max(best, units / elapsed.TotalSeconds / 1e9);
            else
                passes *= 2;
            if (best > 0 && Stopwatch.GetElapsedTime(start) >= s_time)
                return best;
        }
    }

    private static long Repeat(int passes, int bytes, Action<int> work)
    {
        for (var pass = 0; pass < passes; pass++)
            work(bytes);
        return (long)passes * bytes;
    }
}

/// <summary>One of the loops of <see cref="MacLoop"/>.</summary>
internal unsafe delegate long MacLoopOf(byte* data, int passes);
