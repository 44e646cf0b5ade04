using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Contracts.Benchmarks;

/// <summary>One entry of a device's spool. <see cref="SpoolId"/> and <see cref="Sequence"/> make it exactly-once in the database.</summary>
public sealed record ReportEvent
{
    public int Schema { get; init; } = 1;

    /// <summary>Random per spool: a device that lost its disk starts a new one.</summary>
    public required string SpoolId { get; init; }

    public required long Sequence { get; init; }

    /// <summary>The kernel's boot id.</summary>
    public required string BootId { get; init; }

    /// <summary>Milliseconds since boot.</summary>
    public required long MonotonicMs { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>Whether the wall clock could be trusted.</summary>
    public required bool ClockSynchronised { get; init; }

    public BenchmarkReport? Benchmark { get; init; }

    public DeploymentEvent? Deployment { get; init; }
}

/// <summary>A step of a deployment.</summary>
public sealed record DeploymentEvent(string Model, string? Rollout, Artifacts.Sha256Digest Digest, DeploymentState From, DeploymentState To, string? Reason);

/// <summary>
/// Events sent together, in order, of one spool. The device keeps them until a
/// <see cref="DeviceCommandKind.AcknowledgeReports"/> says that they are in the database, and sends them again otherwise.
/// </summary>
public sealed record ReportBatch
{
    public int Schema { get; init; } = 1;

    public required IReadOnlyList<ReportEvent> Events { get; init; }

    /// <summary>At most this many events a batch.</summary>
    public const int MaxEvents = 64;
}

/// <summary>An event as the controller stored it.</summary>
public sealed record StoredReport(DeviceId Device, DateTimeOffset Received, ReportEvent Event);
