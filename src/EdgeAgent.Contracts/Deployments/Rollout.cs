using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Deployments;

/// <summary>Asks the controller to bring a model's family to a cohort.</summary>
/// <remarks>Defaults are in the getters: generated JSON readers set init properties that a document leaves out to null.</remarks>
public sealed record RolloutRequest
{
    public int Schema { get; init; } = 1;

    /// <summary>Name of the model whose packages are rolled out.</summary>
    public required string Model { get; init; }

    /// <summary>Package per profile that the user picked; profiles without a pick get the controller's choice.</summary>
    public IReadOnlyDictionary<string, Sha256Digest> Picks { get => field ?? new Dictionary<string, Sha256Digest>(); init; }

    /// <summary>The cohort: devices by name; empty means all devices of the profiles the model has packages for.</summary>
    public IReadOnlyList<DeviceId> Devices { get => field ?? []; init; }

    /// <summary>Cumulative share of each profile's devices per wave, rising, the last is 1; at least one device a wave.</summary>
    public IReadOnlyList<double> Waves { get => field ?? [0.1, 1]; init; }

    /// <summary>The rollout halts once more than this share of a wave's devices rolled back.</summary>
    public double MaxFailureShare { get; init; }

    /// <summary>Budgets by which the controller chooses; they override the profile's.</summary>
    public ProfileBudgets Budgets { get => field ?? new(); init; }
}

[JsonConverter(typeof(KebabCaseEnumConverter<RolloutState>))]
public enum RolloutState
{
    Running,
    Paused,

    /// <summary>Halted by its own gates.</summary>
    Halted,
    Aborted,
    Completed,
}

public sealed record RolloutStatus
{
    public required string Id { get; init; }

    public required string Model { get; init; }

    public required RolloutState State { get; init; }

    /// <summary>Why it is in this state; one line.</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required IReadOnlyList<RolloutWave> Waves { get; init; }

    /// <summary>What each profile gets, and why.</summary>
    public required IReadOnlyDictionary<string, RolloutChoice> Choices { get; init; }
}

/// <param name="Digest">Package.</param>
/// <param name="Student">Its student.</param>
/// <param name="PredictedUs">Latency by the cost model in force, in microseconds.</param>
/// <param name="Reason">Why it was chosen, and which budget binds.</param>
public sealed record RolloutChoice(Sha256Digest Digest, string Student, double PredictedUs, string Reason);

/// <param name="Share">Cumulative share of each profile's devices.</param>
/// <param name="State">pending, running, done or halted.</param>
/// <param name="Devices">Its devices.</param>
public sealed record RolloutWave(double Share, WaveState State, IReadOnlyList<RolloutDevice> Devices);

[JsonConverter(typeof(KebabCaseEnumConverter<WaveState>))]
public enum WaveState
{
    Pending,
    Running,
    Done,
    Halted,
}

public sealed record RolloutDevice(DeviceId Device, string Profile, DeploymentState State, string? Reason);
