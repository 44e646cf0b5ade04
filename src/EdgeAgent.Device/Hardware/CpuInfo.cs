using System.Globalization;

namespace EdgeAgent.Device.Hardware;

/// <summary>What /proc/cpuinfo says about the processor.</summary>
internal static class CpuInfo
{
    /// <summary>Implementer and part numbers of the cores of the boards with a profile, from Arm's and NVIDIA's manuals.</summary>
    private static readonly Dictionary<(int Implementer, int Part), string> s_armCores = new()
    {
        [(0x41, 0xd03)] = "Cortex-A53",
        [(0x41, 0xd04)] = "Cortex-A35",
        [(0x41, 0xd05)] = "Cortex-A55",
        [(0x41, 0xd07)] = "Cortex-A57",
        [(0x41, 0xd08)] = "Cortex-A72",
        [(0x41, 0xd0a)] = "Cortex-A75",
        [(0x41, 0xd0b)] = "Cortex-A76",
        [(0x41, 0xd0c)] = "Neoverse-N1",
        [(0x41, 0xd42)] = "Cortex-A78AE",
        [(0x4e, 0x004)] = "Carmel",
    };

    /// <summary>The model name of x86, the name of the core on Arm, or "unknown".</summary>
    public static string Name(IReadOnlyList<string> lines)
    {
        if (Value(lines, "model name") is { } name)
            return name;
        if (Hex(Value(lines, "CPU implementer")) is { } implementer && Hex(Value(lines, "CPU part")) is { } part)
            return s_armCores.GetValueOrDefault((implementer, part), FormattableString.Invariant($"arm implementer 0x{implementer:x2} part 0x{part:x3}"));
        return "unknown";
    }

    /// <summary>Number of logical processors listed.</summary>
    public static int Count(IReadOnlyList<string> lines) => lines.Count(line => Key(line) == "processor");

    private static string? Value(IReadOnlyList<string> lines, string key)
    {
        foreach (var line in lines)
            if (Key(line) == key)
                return line[(line.IndexOf(':') + 1)..].Trim();
        return null;
    }

    private static string? Key(string line) => line.IndexOf(':') is var colon and > 0 ? line[..colon].Trim() : null;

    private static int? Hex(string? text) =>
        text is ['0', 'x', ..] && int.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value) ? value : null;
}
