namespace EdgeAgent.Contracts.Devices;

/// <summary>What an agent found out about the machine it runs on, from /proc, /sys and the CPU's flags.</summary>
public sealed record HardwareReport
{
    public int Schema { get; init; } = 1;

    /// <summary>Model of the board (device tree or DMI), or "unknown".</summary>
    public required string Board { get; init; }

    /// <summary>Name of the processor as the kernel has it.</summary>
    public required string Cpu { get; init; }

    /// <summary><c>arm64</c> or <c>x64</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Instruction set extensions that this build of the agent can use.</summary>
    public required IReadOnlyList<string> Isa { get; init; }

    public required int Cores { get; init; }

    /// <summary>Highest clock in MHz where the kernel tells it.</summary>
    public double? MaxClockMhz { get; init; }

    public required long MemoryBytes { get; init; }

    public required long DiskFreeBytes { get; init; }

    public required string Os { get; init; }

    public required string Kernel { get; init; }

    /// <summary>Version of the agent.</summary>
    public required string Agent { get; init; }

    /// <summary>Kernel set of the int8 engine that was dispatched: scalar, sse41, avx2, avxvnni, avx512vnni, neon, neon-dot.</summary>
    public required string KernelSet { get; init; }

    /// <summary>Power sensors that can be read now, for example <c>rapl</c>; empty means that energy is estimated.</summary>
    public IReadOnlyList<string> PowerSensors { get => field ?? []; init; }

    /// <summary>What one core can do at most; null from agents that did not measure it.</summary>
    public RooflineReport? Roofline { get; init; }
}
