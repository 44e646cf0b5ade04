using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Enrolment;

/// <summary>Who the device is, told once at enrolment and kept in <c>device.json</c>, readable by its owner only.</summary>
internal sealed record DeviceIdentity
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    public required DeviceId Device { get; init; }

    public required string Profile { get; init; }

    /// <summary>The machine only claims the profile: everything it reports says so.</summary>
    public required bool Emulated { get; init; }

    public required string Secret { get; init; }

    public required BrokerAddress Broker { get; init; }

    /// <summary>Pinned public keys: only packages that one of them signed are used.</summary>
    public required IReadOnlyList<string> VerifyingKeys { get; init; }

    /// <summary>PEM of the authority that the broker's certificate must come from; null for the system's.</summary>
    public string? CaPem { get; init; }

    /// <summary>Active power of the board in watts from <c>--profile-file</c>; otherwise the manifest's figure counts.</summary>
    public double? ActiveW { get; init; }

    /// <exception cref="AgentException">The file is damaged.</exception>
    public static DeviceIdentity? Load(string path)
    {
        if (DurableFile.Read(path) is not { } json)
            return null;
        try
        {
            var identity = JsonSerializer.Deserialize(json, DeviceJson.Default.DeviceIdentity);
            if (identity?.Schema == CurrentSchema)
                return identity;
        }
        catch (JsonException)
        {
            // Told below, like a schema of the future.
        }
        throw new AgentException($"{path} cannot be read by this version of edge-agent; remove it and enrol again under a new --device");
    }

    public void Save(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, DeviceJson.Default.DeviceIdentity));
}
