using EdgeAgent.Device.Hardware;

namespace EdgeAgent.Device.Power;

/// <summary>
/// Intel's and AMD's running average power limit counters: energy of all processor packages together since boot.
/// Source: Documentation/power/powercap/powercap.rst of the Linux kernel. Readable by root only on current kernels.
/// </summary>
internal sealed class RaplSensor
{
    public const string Name = "rapl";

    private const string Folder = "/sys/class/powercap";
    private readonly SystemFiles _files;
    private readonly List<Domain> _packages;

    private RaplSensor(SystemFiles files, List<Domain> packages) => (_files, _packages) = (files, packages);

    /// <summary>The sensor, or null where there is no package domain that can be read now.</summary>
    public static RaplSensor? Find(SystemFiles files)
    {
        List<Domain> packages = [];
        foreach (var entry in files.Entries(Folder))
        {
            // intel-rapl:0 is a package, intel-rapl:0:1 a part of it; intel-rapl-mmio:0 is the same package once more.
            if (!entry.StartsWith("intel-rapl:", StringComparison.Ordinal) || entry.Count(c => c == ':') != 1)
                continue;
            var path = $"{Folder}/{entry}";
            if (files.Text(path + "/name")?.StartsWith("package", StringComparison.Ordinal) != true)
                continue;
            if (files.Integer(path + "/energy_uj") is null || files.Integer(path + "/max_energy_range_uj") is not ({ } range and > 0))
                continue;
            packages.Add(new Domain(path + "/energy_uj", range));
        }
        return packages.Count > 0 ? new RaplSensor(files, packages) : null;
    }

    /// <summary>A reading of all counters.</summary>
    /// <exception cref="IOException">A counter that could be read before cannot be read any more.</exception>
    public RaplReading Read()
    {
        var counters = new long[_packages.Count];
        for (var i = 0; i < counters.Length; i++)
            counters[i] = _files.Integer(_packages[i].EnergyPath) ?? throw new IOException($"{_packages[i].EnergyPath} cannot be read any more");
        return new RaplReading(counters);
    }

    /// <summary>Energy between two readings in millijoules, all packages together.</summary>
    /// <remarks>
    /// A counter that went back has wrapped once: at 200 W a range of 262 kJ lasts 22 minutes, longer than any window.
    /// It counts 0 to its range, so it has range + 1 values.
    /// </remarks>
    public double BetweenMj(RaplReading from, RaplReading to)
    {
        double microjoules = 0;
        for (var i = 0; i < _packages.Count; i++)
        {
            var difference = to.CountersUj[i] - from.CountersUj[i];
            microjoules += difference >= 0 ? difference : difference + _packages[i].RangeUj + 1;
        }
        return microjoules / 1000;
    }

    private readonly record struct Domain(string EnergyPath, long RangeUj);
}

/// <param name="CountersUj">One per package, in microjoules.</param>
internal readonly record struct RaplReading(long[] CountersUj);
