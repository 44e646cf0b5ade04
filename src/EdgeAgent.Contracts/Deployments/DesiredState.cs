using EdgeAgent.Contracts.Artifacts;

namespace EdgeAgent.Contracts.Deployments;

/// <summary>What the controller wants a device to run. Retained; a lower revision than the last one seen is ignored.</summary>
public sealed record DesiredState
{
    public int Schema { get; init; } = 1;

    public required long Revision { get; init; }

    /// <summary>By name of the model.</summary>
    public required IReadOnlyDictionary<string, DesiredModel> Models { get; init; }

    /// <summary>At most this many models are accepted.</summary>
    public const int MaxModels = 32;
}

/// <param name="Digest">Digest of the package.</param>
/// <param name="Rollout">The rollout on whose behalf it is wanted.</param>
public sealed record DesiredModel(Sha256Digest Digest, string Rollout);
