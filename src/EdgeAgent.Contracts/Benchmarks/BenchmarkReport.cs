using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Benchmarks;

/// <summary>What a device measured of one model.</summary>
public sealed record BenchmarkReport
{
    public int Schema { get; init; } = 1;

    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    public required Sha256Digest Digest { get; init; }

    public required string Student { get; init; }

    public required string Profile { get; init; }

    /// <summary>Measured on another machine than the profile's board: never enters the profile's cost model.</summary>
    public required bool Emulated { get; init; }

    /// <summary>Trial (inactive slot, before the switch) or serving.</summary>
    public required BenchmarkPhase Phase { get; init; }

    public required EngineKind Engine { get; init; }

    public required string KernelSet { get; init; }

    public required int Threads { get; init; }

    public required LatencySummary Latency { get; init; }

    /// <summary>Null where no sensor can be read and nobody told the device its profile's active power.</summary>
    public EnergyReading? Energy { get; init; }

    /// <summary>Share of golden samples whose class was reproduced, a fraction.</summary>
    public required double GoldenAgreement { get; init; }
}

[JsonConverter(typeof(KebabCaseEnumConverter<BenchmarkPhase>))]
public enum BenchmarkPhase
{
    Trial,
    Serving,
}

/// <summary>Where a figure of energy comes from.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<EnergySource>))]
public enum EnergySource
{
    /// <summary>A sensor was read over windows of at least ten seconds.</summary>
    Measured,

    /// <summary>Latency times the profile's active power.</summary>
    Estimated,
}

/// <param name="Mj">Gross energy of one inference in millijoules.</param>
/// <param name="NetMj">Without the idle power; null where idle power was not measured.</param>
/// <param name="Source">Measured or estimated.</param>
/// <param name="Sensor">Name of the sensor; null for an estimate.</param>
/// <param name="SpreadMj">Largest minus smallest of the windows; null for an estimate.</param>
public sealed record EnergyReading(double Mj, double? NetMj, EnergySource Source, string? Sensor, double? SpreadMj);
