using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Fleet.Storage;

/// <summary>A device that claimed its id.</summary>
internal sealed class DeviceRow
{
    public required DeviceId Id { get; set; }

    public required string Profile { get; set; }

    public required bool Emulated { get; set; }

    public required byte[] SecretSalt { get; set; }

    /// <summary>SHA-256 of salt and secret. The secret has 256 random bits, so that a slow hash would add nothing.</summary>
    public required byte[] SecretHash { get; set; }

    public required DateTimeOffset Enrolled { get; set; }

    /// <summary>A <see cref="HardwareReport"/>.</summary>
    public required string HardwareJson { get; set; }

    public bool Online { get; set; }

    /// <summary>Session of the last status that said "online"; a last will of an earlier one does not count.</summary>
    public string? Session { get; set; }

    public DateTimeOffset? LastSeen { get; set; }

    /// <summary>The last <see cref="ReportedState"/>.</summary>
    public string? ReportedJson { get; set; }

    /// <summary>Revision of the device's desired state; rises with every change of its <see cref="DesiredRow"/>s.</summary>
    public long DesiredRevision { get; set; }
}

/// <summary>What a device is to run of one model.</summary>
internal sealed class DesiredRow
{
    public required DeviceId Device { get; set; }

    public required string Model { get; set; }

    public required Sha256Digest Digest { get; set; }

    public required string Rollout { get; set; }
}

/// <summary>A token that lets devices enrol; only its hash is kept.</summary>
internal sealed class TokenRow
{
    /// <summary>Hexadecimal SHA-256 of the token.</summary>
    public required string Hash { get; set; }

    public required DateTimeOffset Expires { get; set; }

    public required int UsesLeft { get; set; }
}

/// <summary>A public key that signs packages.</summary>
internal sealed class VerifyingKeyRow
{
    public required string KeyId { get; set; }

    public required string Pem { get; set; }
}

/// <summary>A device profile as it was uploaded.</summary>
internal sealed class ProfileRow
{
    public required string Id { get; set; }

    public required byte[] Json { get; set; }
}

/// <summary>A package whose signature was verified and whose blobs are all in the store.</summary>
internal sealed class PackageRow
{
    public required Sha256Digest Digest { get; set; }

    public required string Model { get; set; }

    public required long Version { get; set; }

    public required string Student { get; set; }

    public required string Profile { get; set; }

    public required double Accuracy { get; set; }

    /// <summary>Size of all files.</summary>
    public required long Bytes { get; set; }

    public required double? PredictedUs { get; set; }

    public required DateTimeOffset Expires { get; set; }

    /// <summary>The <see cref="SignedEnvelope"/> as JSON, byte for byte what devices get.</summary>
    public required byte[] Envelope { get; set; }

    public required DateTimeOffset Uploaded { get; set; }

    public required List<PackageFileRow> Files { get; set; }
}

internal sealed class PackageFileRow
{
    public required Sha256Digest Package { get; set; }

    public required string Role { get; set; }

    public required Sha256Digest Digest { get; set; }

    public required long Size { get; set; }
}

internal sealed class RolloutRow
{
    public required string Id { get; set; }

    public required string Model { get; set; }

    public required RolloutState State { get; set; }

    public string? Reason { get; set; }

    public required DateTimeOffset Started { get; set; }

    /// <summary>The cohort was not named: devices that enrol later join.</summary>
    public required bool WholeFleet { get; set; }

    public required double MaxFailureShare { get; set; }

    public required List<RolloutWaveRow> Waves { get; set; }

    public required List<RolloutChoiceRow> Choices { get; set; }
}

internal sealed class RolloutWaveRow
{
    public required string Rollout { get; set; }

    public required int Index { get; set; }

    public required double Share { get; set; }

    public required WaveState State { get; set; }

    /// <summary>Devices that had rolled back when an operator let a halted rollout go on: the gate does not count them again.</summary>
    public int AcceptedFailures { get; set; }
}

internal sealed class RolloutChoiceRow
{
    public required string Rollout { get; set; }

    public required string Profile { get; set; }

    public required Sha256Digest Digest { get; set; }

    public required string Student { get; set; }

    public required double PredictedUs { get; set; }

    public required string Reason { get; set; }
}

internal sealed class RolloutDeviceRow
{
    public required string Rollout { get; set; }

    public required DeviceId Device { get; set; }

    public required string Profile { get; set; }

    public required int Wave { get; set; }

    /// <summary>Revision of the desired state that told the device; null before its turn.</summary>
    public long? ReleasedRevision { get; set; }

    public DeploymentState State { get; set; } = DeploymentState.Idle;

    public string? Reason { get; set; }

    /// <summary>What the device was to run before: a rollout that halts or is aborted goes back to it.</summary>
    public Sha256Digest? PreviousDigest { get; set; }

    public string? PreviousRollout { get; set; }
}

/// <summary>One event of a device's spool; (device, spool, sequence) makes it exactly-once.</summary>
internal sealed class ReportRow
{
    public long Id { get; set; }

    public required DeviceId Device { get; set; }

    public required string SpoolId { get; set; }

    public required long Sequence { get; set; }

    public required DateTimeOffset Received { get; set; }

    public required string? Model { get; set; }

    /// <summary>The <see cref="ReportEvent"/>.</summary>
    public required string Json { get; set; }

    /// <summary>
    /// Profile whose cost model the event counts for; null for everything that must not enter one: emulated,
    /// disturbed or trial measurements, and other events.
    /// </summary>
    public string? FitProfile { get; set; }

    public EngineKind? Engine { get; set; }

    public string? KernelSet { get; set; }

    public int? Threads { get; set; }

    public Sha256Digest? Digest { get; set; }

    public double? P50Us { get; set; }
}

/// <summary>A cost model fitted to reports.</summary>
internal sealed class CostModelRow
{
    public required string Profile { get; set; }

    public required EngineKind Engine { get; set; }

    public required string KernelSet { get; set; }

    public required int Threads { get; set; }

    public required DateTimeOffset Fitted { get; set; }

    /// <summary>Number of different models in the fit.</summary>
    public required int Samples { get; set; }

    /// <summary>Number of reports behind the samples.</summary>
    public required int Reports { get; set; }

    /// <summary>A <see cref="Contracts.Costs.CostModel"/>.</summary>
    public required string Json { get; set; }
}
