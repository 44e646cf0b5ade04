using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Deployment;

/// <summary>Where the deployment of one model stands: on disk before it is acted on.</summary>
internal sealed record DeploymentRecord
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required string Model { get; init; }

    public required DeploymentState State { get; init; }

    /// <summary>The state before, for the event that tells of this one.</summary>
    public DeploymentState From { get; init; }

    /// <summary>The package that is deployed.</summary>
    public Sha256Digest? Digest { get; init; }

    public string? Rollout { get; init; }

    /// <summary>Why it was rolled back; one line.</summary>
    public string? Reason { get; init; }

    /// <summary>The slot that served before; null where none did.</summary>
    public Slot? Previous { get; init; }

    /// <summary>The slot that takes the package.</summary>
    public Slot Target { get; init; }

    /// <summary>How often the agent was started in this state without getting on: ends loops of crashes.</summary>
    public int Starts { get; init; }

    /// <summary>Bytes that were here at the last start: a download that grows is not a loop.</summary>
    public long BytesAtStart { get; init; }

    /// <summary>The event of the last transition may not be in the spool yet.</summary>
    public bool EventDue { get; init; }

    /// <summary>Rolled back because the controller changed its mind: the package may be tried again.</summary>
    public bool WasSuperseded { get; init; }

    /// <summary>The model that serves is to be benchmarked once nothing else is under way.</summary>
    public bool BenchmarkDue { get; init; }

    /// <summary>The slot that has to serve in this state; in Activating the switch is under way.</summary>
    public Slot? Serving => State is DeploymentState.Activating or DeploymentState.Probation or DeploymentState.Committed ? Target : Previous;

    /// <summary>Null where there is none or it cannot be read: then the slots alone tell what serves.</summary>
    public static DeploymentRecord? Load(string path)
    {
        if (DurableFile.Read(path) is not { } json)
            return null;
        try
        {
            return JsonSerializer.Deserialize(json, DeviceJson.Default.DeploymentRecord) is { Schema: CurrentSchema } record ? record : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public void Save(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, DeviceJson.Default.DeploymentRecord));
}
