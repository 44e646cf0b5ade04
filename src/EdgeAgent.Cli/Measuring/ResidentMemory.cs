using System.Globalization;

namespace EdgeAgent.Cli.Measuring;

/// <summary>How much resident memory a piece of work added at its peak.</summary>
internal readonly struct ResidentMemory
{
    private readonly long _start;

    private ResidentMemory(long start) => _start = start;

    public static ResidentMemory Start()
    {
        GC.Collect();
        try
        {
            // "5" resets the peak of the resident set (proc(5)).
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Then the peak includes what was loaded before, and the figure is an upper bound.
        }
        return new ResidentMemory(Status("VmRSS:"));
    }

    /// <summary>Bytes at the peak since <see cref="Start"/> beyond those at the start.</summary>
    public long PeakBytes() => Math.Max(0, Status("VmHWM:") - _start);

    private static long Status(string field)
    {
        const string path = "/proc/self/status";
        var line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal)) : null;
        return line is null ? Environment.WorkingSet : long.Parse(line.AsSpan(field.Length).Trim(" \tkB"), CultureInfo.InvariantCulture) * 1024;
    }
}
