using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>Every line that the controller logs.</summary>
internal static partial class FleetLog
{
    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(this ILogger log, string method, string path, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "A connection as '{ClientId}' from {Remote} was refused: {Reason}")]
    public static partial void ConnectionRefused(this ILogger log, string clientId, string remote, string reason);

    [LoggerMessage(3, LogLevel.Warning, "'{ClientId}' may not publish to '{Topic}'")]
    public static partial void PublishRefused(this ILogger log, string clientId, string topic);

    [LoggerMessage(4, LogLevel.Warning, "'{ClientId}' may not subscribe to '{Filter}'")]
    public static partial void SubscriptionRefused(this ILogger log, string clientId, string filter);

    [LoggerMessage(5, LogLevel.Warning, "{Device} sent a document that cannot be used on {Topic}: {Reason}")]
    public static partial void DocumentRefused(this ILogger log, DeviceId device, string topic, string reason);

    [LoggerMessage(6, LogLevel.Error, "A message of {Device} on {Topic} could not be handled; it has to be sent again")]
    public static partial void MessageFailed(this ILogger log, DeviceId device, string topic, Exception exception);

    [LoggerMessage(7, LogLevel.Warning, "The connection {Remote} was closed: it announced a packet of {Bytes} bytes; {Limit} are allowed")]
    public static partial void PacketTooLarge(this ILogger log, string remote, long bytes, int limit);

    [LoggerMessage(8, LogLevel.Debug, "Broker: {Message}")]
    public static partial void Broker(this ILogger log, string message, Exception? exception);

    [LoggerMessage(10, LogLevel.Information, "{Device} enrolled (profile {Profile}, emulated: {Emulated})")]
    public static partial void Enrolled(this ILogger log, DeviceId device, string profile, bool emulated);

    [LoggerMessage(11, LogLevel.Information, "{Device} was removed; its secret no longer counts")]
    public static partial void Removed(this ILogger log, DeviceId device);

    [LoggerMessage(12, LogLevel.Information, "{Device} is {State}")]
    public static partial void DeviceIs(this ILogger log, DeviceId device, string state);

    [LoggerMessage(20, LogLevel.Information, "Package {Digest} of {Model} for {Profile} stored ({Student})")]
    public static partial void PackageStored(this ILogger log, Sha256Digest digest, string model, string profile, string student);

    [LoggerMessage(30, LogLevel.Information, "Rollout {Rollout} of {Model} is {State}: {Reason}")]
    public static partial void RolloutIs(this ILogger log, string rollout, string model, RolloutState state, string? reason);

    [LoggerMessage(31, LogLevel.Information, "Rollout {Rollout}: wave {Wave} is {State}")]
    public static partial void WaveIs(this ILogger log, string rollout, int wave, WaveState state);

    [LoggerMessage(32, LogLevel.Information, "Rollout {Rollout}: {Device} is {State} {Reason}")]
    public static partial void DeploymentIs(this ILogger log, string rollout, DeviceId device, DeploymentState state, string? reason);

    [LoggerMessage(39, LogLevel.Information, "{Device} reported {Events} events, {New} of them new")]
    public static partial void ReportsStored(this ILogger log, DeviceId device, int events, int @new);

    [LoggerMessage(40, LogLevel.Information, "Cost model of {Profile} ({Engine}, {KernelSet}, threads: {Threads}) fitted to {Samples} models from {Reports} reports")]
    public static partial void CostModelFitted(this ILogger log, string profile, EngineKind engine, string kernelSet, int threads, int samples, int reports);

    [LoggerMessage(41, LogLevel.Warning, "Reports of {Profile} cannot refit its cost model: the profile is not known here; PUT it to /api/profiles/{Profile}")]
    public static partial void ProfileUnknown(this ILogger log, string profile);

    [LoggerMessage(42, LogLevel.Error, "A refit failed")]
    public static partial void RefitFailed(this ILogger log, Exception exception);
}
