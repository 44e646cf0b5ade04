using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Roofline;

/// <summary>Reads memory as fast as vector loads can.</summary>
internal static unsafe class MemoryLoops
{
    private const int StepBytes = 256;

    /// <summary>Reads a buffer again and again.</summary>
    /// <param name="bytes">A multiple of 256.</param>
    /// <param name="sink">16 bytes that the result goes to, so that it is needed.</param>
    /// <returns>Bytes read.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Read(byte* data, int bytes, int passes, byte* sink)
    {
        if (Vector256.IsHardwareAccelerated)
        {
            var (a, b) = (Vector256<byte>.Zero, Vector256<byte>.Zero);
            for (var pass = 0; pass < passes; pass++)
                for (var at = 0; at < bytes; at += StepBytes)
                {
                    a |= Vector256.Load(data + at) ^ Vector256.Load(data + at + 32) ^ Vector256.Load(data + at + 64) ^ Vector256.Load(data + at + 96);
                    b |= Vector256.Load(data + at + 128) ^ Vector256.Load(data + at + 160) ^ Vector256.Load(data + at + 192) ^ Vector256.Load(data + at + 224);
                }
            ((a | b).GetLower() | (a | b).GetUpper()).Store(sink);
        }
        else
        {
            var (a, b) = (Vector128<byte>.Zero, Vector128<byte>.Zero);
            for (var pass = 0; pass < passes; pass++)
                for (var at = 0; at < bytes; at += StepBytes / 2)
                {
                    a |= Vector128.Load(data + at) ^ Vector128.Load(data + at + 16) ^ Vector128.Load(data + at + 32) ^ Vector128.Load(data + at + 48);
                    b |= Vector128.Load(data + at + 64) ^ Vector128.Load(data + at + 80) ^ Vector128.Load(data + at + 96) ^ Vector128.Load(data + at + 112);
                }
            (a | b).Store(sink);
        }
        return (long)bytes * passes;
    }
}
