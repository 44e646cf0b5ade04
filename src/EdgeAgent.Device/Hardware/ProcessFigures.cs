using System.Globalization;

namespace EdgeAgent.Device.Hardware;

/// <summary>What the kernel says about this process and its threads.</summary>
internal sealed class ProcessFigures(SystemFiles files)
{
    /// <summary>Resident bytes now, from the second field of /proc/self/statm (pages); 0 where it cannot be read.</summary>
    public long ResidentBytes()
    {
        var fields = files.Text("/proc/self/statm")?.Split(' ');
        return fields is [_, var pages, ..] && long.TryParse(pages, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value * Environment.SystemPageSize
            : 0;
    }

    /// <summary>
    /// How long the calling thread was runnable but not on a core, in nanoseconds: the second field of
    /// /proc/thread-self/schedstat. Other load shows here and nowhere else as plainly.
    /// </summary>
    public long? ThreadWaitNs()
    {
        var fields = files.Text("/proc/thread-self/schedstat")?.Split(' ');
        return fields is [_, var wait, ..] && long.TryParse(wait, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    /// <summary>Steal time and total time of all cores in clock ticks, from the first line of /proc/stat.</summary>
    public (long Steal, long Total)? CpuTicks()
    {
        if (files.Lines("/proc/stat") is not [var first, ..])
            return null;
        var fields = first.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 9 || fields[0] != "cpu")
            return null;
        long total = 0;
        // user nice system idle iowait irq softirq steal; guest times are contained in user and nice.
        for (var i = 1; i <= 8; i++)
        {
            if (!long.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                return null;
            total += value;
        }
        return (long.Parse(fields[8], CultureInfo.InvariantCulture), total);
    }

    /// <summary>Highest current clock of the cores in kHz; null where the kernel does not tell.</summary>
    public long? ClockKhz()
    {
        long? highest = null;
        foreach (var entry in files.Entries("/sys/devices/system/cpu"))
            if (entry.StartsWith("cpu", StringComparison.Ordinal) && files.Integer($"/sys/devices/system/cpu/{entry}/cpufreq/scaling_cur_freq") is { } khz)
                highest = Math.Max(highest ?? 0, khz);
        return highest;
    }

    /// <summary>How often cores were throttled for heat since boot (x86); null where the kernel does not count it.</summary>
    public long? ThrottleCount()
    {
        long? sum = null;
        foreach (var entry in files.Entries("/sys/devices/system/cpu"))
            if (entry.StartsWith("cpu", StringComparison.Ordinal) && files.Integer($"/sys/devices/system/cpu/{entry}/thermal_throttle/core_throttle_count") is { } count)
                sum = (sum ?? 0) + count;
        return sum;
    }
}
