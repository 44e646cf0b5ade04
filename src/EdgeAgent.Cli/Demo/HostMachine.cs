using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Cli.Demo;

/// <summary>One kind of device that the demo runs on this machine.</summary>
/// <param name="Profile">The profile it claims, made of this machine's own figures, so that nothing is emulated.</param>
/// <param name="Document">The profile as JSON.</param>
/// <param name="Environment">Variables that switch instruction sets of the agent's runtime off.</param>
internal sealed record HostKind(DeviceProfile Profile, byte[] Document, IReadOnlyDictionary<string, string> Environment)
{
    /// <summary>The same machine with a limit on the latency of an inference.</summary>
    public HostKind WithLatencyBudget(double milliseconds)
    {
        var document = JsonNode.Parse(Document)!.AsObject();
        document["budgets"] = new JsonObject { ["maxLatencyMs"] = milliseconds };
        var bytes = Encoding.UTF8.GetBytes(document.ToJsonString());
        return this with { Profile = ProfileLoader.Parse(bytes, Profile.Id), Document = bytes };
    }
}

/// <summary>
/// Describes this machine as two kinds of board: as it is, and without its newer int8 instructions, which the runtime of
/// the agent leaves alone when told so. They differ in the kernels that run, not in what is claimed.
/// </summary>
internal static class HostMachine
{
    public static (HostKind Full, HostKind Baseline) Describe()
    {
        var arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        var best = KernelSet.Best.Name;
        var full = Kind("this-machine", "this machine", arm ? ArmIsa(best) : X64Isa(best), MacsPerCycle(best), arm, []);
        var baseline = arm
            ? Kind("this-machine-neon", "this machine without dot product instructions", ["neon"], MacsPerCycle("neon"), arm, new() { ["DOTNET_EnableArm64Dp"] = "0" })
            : Kind("this-machine-sse41", "this machine without AVX2 and VNNI", ["sse4.1"], MacsPerCycle("sse41"), arm, new() { ["DOTNET_EnableAVX2"] = "0", ["DOTNET_EnableAVXVNNI"] = "0" });
        return (full, baseline);
    }

    private static HostKind Kind(string id, string name, string[] isa, int macsPerCycle, bool arm, Dictionary<string, string> environment)
    {
        var copy = CopyGBps();
        var document = new JsonObject
        {
            ["schema"] = ProfileLoader.Schema,
            ["id"] = id,
            ["name"] = name,
            ["cpu"] = new JsonObject
            {
                ["core"] = CpuName(),
                ["architecture"] = arm ? "arm64" : "x64",
                ["isa"] = new JsonArray([.. isa.Select(i => JsonValue.Create(i))]),
                ["cores"] = Figure(System.Environment.ProcessorCount, "measured"),
                ["clockGhz"] = Figure(ClockGhz() ?? 2, ClockGhz() is null ? "assumed" : "measured"),
                ["int8MacsPerCycle"] = Figure(macsPerCycle, "assumed"),
                ["float32MacsPerCycle"] = Figure(arm ? 8 : 16, "assumed"),
                ["cacheBytes"] = new JsonArray(Figure(32 << 10, "assumed"), Figure(1 << 20, "assumed")),
            },
            ["memory"] = new JsonObject
            {
                ["bytes"] = Figure(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "measured"),
                ["copyGBps"] = Figure(copy, "measured"),
                ["fillGBps"] = Figure(copy, "assumed"),
            },
            // What a small computer takes; only there so that energy can be estimated where no sensor is readable.
            ["power"] = new JsonObject { ["idleW"] = Figure(5, "assumed"), ["activeW"] = Figure(15, "assumed"), ["sensor"] = arm ? "none" : "rapl" },
            ["int8"] = new JsonObject { ["engine"] = "int8", ["activations"] = arm ? "s8" : "u8", ["channelMultiple"] = 8, ["accelerator"] = "none" },
        };
        var bytes = Encoding.UTF8.GetBytes(document.ToJsonString());
        return new HostKind(ProfileLoader.Parse(bytes, id), bytes, environment);
    }

    private static JsonObject Figure(double value, string source) => new() { ["value"] = value, ["source"] = source };

    private static string[] X64Isa(string kernels) => kernels switch
    {
        "avx512vnni" => ["sse4.1", "avx2", "avx512-vnni"],
        "avxvnni" => ["sse4.1", "avx2", "avx-vnni"],
        "avx2" => ["sse4.1", "avx2"],
        _ => ["sse4.1"],
    };

    private static string[] ArmIsa(string kernels) => kernels == "neon-dot" ? ["neon", "dotprod"] : ["neon"];

    /// <summary>Peak of one core from the width of the instructions and two of them a cycle; of 512 bits one, as in Zen 4 and notebooks.</summary>
    private static int MacsPerCycle(string kernels) => kernels switch
    {
        "avxvnni" or "avx512vnni" => 64,
        "avx2" => 32,
        "neon-dot" => 32,
        "sse41" => 16,
        "neon" => 16,
        _ => 1,
    };

    private static string CpuName()
    {
        const string path = "/proc/cpuinfo";
        var line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?.Split(':', 2)[1].Trim() is { Length: > 0 } name ? name : RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static double? ClockGhz()
    {
        const string info = "/proc/cpuinfo", max = "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq";
        if (File.Exists(max) && double.TryParse(File.ReadAllText(max), NumberStyles.Float, CultureInfo.InvariantCulture, out var kilohertz))
            return kilohertz / 1e6;
        var line = File.Exists(info) ? File.ReadLines(info).FirstOrDefault(l => l.StartsWith("cpu MHz", StringComparison.Ordinal)) : null;
        return line is not null && double.TryParse(line.Split(':', 2)[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var megahertz) ? megahertz / 1e3 : null;
    }

    /// <summary>Best of a few copies too large for the caches, in 10^9 bytes a second.</summary>
    private static double CopyGBps()
    {
        var (from, to) = (new byte[64 << 20], new byte[64 << 20]);
        var best = 0.01;
        for (var i = 0; i < 4; i++)
        {
            var start = Stopwatch.GetTimestamp();
            from.AsSpan().CopyTo(to);
            best = Math.Max(best, from.Length / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }
        return Math.Round(Math.Min(best, 1000), 1);
    }
}
