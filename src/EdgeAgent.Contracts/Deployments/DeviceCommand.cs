using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Deployments;

/// <summary>A command to a device, on its commands topic.</summary>
public sealed record DeviceCommand
{
    public int Schema { get; init; } = 1;

    public required DeviceCommandKind Kind { get; init; }

    /// <summary>Benchmark: the model it is about.</summary>
    public string? Model { get; init; }

    /// <summary>AcknowledgeReports: the spool.</summary>
    public string? SpoolId { get; init; }

    /// <summary>AcknowledgeReports: all events up to and including this one are stored.</summary>
    public long? Sequence { get; init; }
}

[JsonConverter(typeof(KebabCaseEnumConverter<DeviceCommandKind>))]
public enum DeviceCommandKind
{
    /// <summary>Benchmark the model that serves, now.</summary>
    Benchmark,

    /// <summary>The database holds the events; the device may drop them from its spool.</summary>
    AcknowledgeReports,
}
