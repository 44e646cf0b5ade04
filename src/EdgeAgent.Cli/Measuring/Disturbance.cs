using System.Diagnostics;
using System.Globalization;
using EdgeAgent.Cli.CommandLine;

namespace EdgeAgent.Cli.Measuring;

/// <summary>
/// Watches what would make a measurement worthless: other programs on the cores, and a clock that changes. Start it
/// before the measurement and ask afterwards.
/// </summary>
internal sealed class Disturbance
{
    private const double LoadLimit = 0.10, StealLimit = 0.01, ClockLimit = 0.05;

    private readonly double _clockStart = SpinUs();
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TimeSpan _ownStart = Environment.CpuUsage.TotalTime;
    private readonly (double Busy, double Stolen)? _machineStart = Machine();

    /// <summary>One line per disturbance; empty for a valid measurement.</summary>
    public IReadOnlyList<string> Reasons()
    {
        var elapsed = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        var reasons = new List<string>();
        if (_machineStart is { } before && Machine() is { } after && elapsed > 0)
        {
            var capacity = elapsed * Environment.ProcessorCount;
            var others = (after.Busy - before.Busy - (Environment.CpuUsage.TotalTime - _ownStart).TotalSeconds) / capacity;
            if (others > LoadLimit)
                reasons.Add(Units.Text($"other programs used {others * 100:0} % of the machine; stop them and measure again"));
            var stolen = (after.Stolen - before.Stolen) / capacity;
            if (stolen > StealLimit)
                reasons.Add(Units.Text($"the hypervisor took {stolen * 100:0.0} % of the machine"));
        }
        var clock = SpinUs() / _clockStart;
        if (Math.Abs(clock - 1) > ClockLimit)
            reasons.Add(Units.Text($"the core's clock changed by {(1 / clock - 1) * 100:0} % during the measurement; let it cool, or fix the frequency"));
        return reasons;
    }

    /// <summary>Seconds that all cores together were busy, and stolen, since boot; null where the kernel does not say.</summary>
    private static (double Busy, double Stolen)? Machine()
    {
        const string path = "/proc/stat";
        const double ticksPerSecond = 100; // USER_HZ, fixed in the kernel's interface
        if (!File.Exists(path))
            return null;
        // cpu  user nice system idle iowait irq softirq steal ...
        var fields = File.ReadLines(path).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 9)
            return null;
        double At(int i) => long.Parse(fields[i], CultureInfo.InvariantCulture) / ticksPerSecond;
        return (At(1) + At(2) + At(3) + At(6) + At(7), At(8));
    }

    /// <summary>Time of a fixed chain of dependent multiplications: proportional to the core's cycle, whatever cpufreq says.</summary>
    private static double SpinUs()
    {
        var best = double.PositiveInfinity;
        ulong state = 88172645463325252;
        for (var attempt = 0; attempt < 9; attempt++)
        {
            var from = Stopwatch.GetTimestamp();
            for (var i = 0; i < 200_000; i++)
                state = state * 6364136223846793005 + 1442695040888963407;
            best = Math.Min(best, Stopwatch.GetElapsedTime(from).TotalMicroseconds);
        }
        // The state must be used, or the loop could be removed.
        return state == 0 ? best + 1 : best;
    }
}
