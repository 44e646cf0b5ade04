using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Deployments;

/// <summary>Where a deployment of one model on one device stands.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<DeploymentState>))]
public enum DeploymentState
{
    Idle,
    Downloading,
    Verifying,
    Staged,
    Trial,
    Activating,
    Probation,
    Committed,
    RolledBack,
}

/// <summary>What a device runs. Retained.</summary>
public sealed record ReportedState
{
    public int Schema { get; init; } = 1;

    /// <summary>Revision of the desired state that this answers.</summary>
    public required long Revision { get; init; }

    /// <summary>By name of the model.</summary>
    public required IReadOnlyDictionary<string, ReportedModel> Models { get; init; }
}

public sealed record ReportedModel
{
    /// <summary>Package that serves now, if any.</summary>
    public Sha256Digest? Current { get; init; }

    /// <summary>Student of the package that serves now.</summary>
    public string? Student { get; init; }

    /// <summary>Package that the last or current deployment is about.</summary>
    public Sha256Digest? Deploying { get; init; }

    public string? Rollout { get; init; }

    public required DeploymentState State { get; init; }

    /// <summary>Share of the bytes downloaded, a fraction.</summary>
    public double Progress { get; init; }

    /// <summary>Why a deployment was rolled back or cannot go on; one line.</summary>
    public string? Reason { get; init; }
}
