using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Power;
using EdgeAgent.Device.Storage;
using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Device.Hardware;

/// <summary>Finds out what the machine is, from the kernel's files and from what this build can use of its instructions.</summary>
internal sealed class HardwareProbe(SystemFiles files)
{
    /// <summary>Version of the agent, for example <c>0.1.0</c>.</summary>
    public static string AgentVersion { get; } =
        typeof(HardwareProbe).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <param name="statePath">Where packages are kept: its free space is reported.</param>
    /// <param name="roofline">What the core was measured to do at most.</param>
    public HardwareReport Report(string statePath, RooflineReport? roofline = null)
    {
        var cpu = files.Lines("/proc/cpuinfo");
        return new HardwareReport
        {
            Board = Board(),
            Cpu = CpuInfo.Name(cpu),
            Architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64",
            Isa = Isa(),
            Cores = CpuInfo.Count(cpu) is var listed and > 0 ? listed : Environment.ProcessorCount,
            MaxClockMhz = MaxClockMhz(),
            MemoryBytes = MemoryBytes(),
            DiskFreeBytes = DiskSpace.FreeBytes(statePath),
            Os = Os(),
            Kernel = files.Text("/proc/sys/kernel/osrelease") ?? "unknown",
            Agent = AgentVersion,
            KernelSet = KernelSet.Default.Name,
            PowerSensors = RaplSensor.Find(files) is null ? [] : [RaplSensor.Name],
            Roofline = roofline,
        };
    }

    /// <summary>
    /// Extensions that this build of the agent can use, not those that the CPU has: a build for x86-64-v2 cannot use AVX2.
    /// </summary>
    private static List<string> Isa()
    {
        List<string> isa = [];
        if (AdvSimd.Arm64.IsSupported)
            isa.Add("neon");
        if (Dp.IsSupported)
            isa.Add("dotprod");
        if (Sse41.IsSupported)
            isa.Add("sse4.1");
        if (Avx2.IsSupported)
            isa.Add("avx2");
        if (AvxVnni.IsSupported)
            isa.Add("avx-vnni");
        if (KernelSet.All.Any(kernels => kernels is { Name: "avx512vnni", IsSupported: true }))
            isa.Add("avx512-vnni");
        return isa;
    }

    private string Board()
    {
        if (files.Text("/proc/device-tree/model") is { Length: > 0 } model || (model = files.Text("/sys/firmware/devicetree/base/model")) is { Length: > 0 })
            return model;
        var vendor = files.Text("/sys/class/dmi/id/sys_vendor");
        var product = files.Text("/sys/class/dmi/id/product_name");
        return string.Join(' ', new[] { vendor, product }.Where(part => !string.IsNullOrWhiteSpace(part))) is { Length: > 0 } board ? board : "unknown";
    }

    private double? MaxClockMhz()
    {
        double? highest = null;
        foreach (var entry in files.Entries("/sys/devices/system/cpu"))
        {
            if (entry.StartsWith("cpu", StringComparison.Ordinal) && files.Integer($"/sys/devices/system/cpu/{entry}/cpufreq/cpuinfo_max_freq") is { } khz)
                highest = Math.Max(highest ?? 0, khz / 1000.0);
        }
        return highest;
    }

    private long MemoryBytes()
    {
        foreach (var line in files.Lines("/proc/meminfo"))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts is ["MemTotal:", var kib, ..] && long.TryParse(kib, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                return value * 1024;
        }
        return 0;
    }

    private string Os()
    {
        foreach (var line in files.Lines("/etc/os-release"))
            if (line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))
                return line["PRETTY_NAME=".Length..].Trim('"');
        return "unknown";
    }
}
