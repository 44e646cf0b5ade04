using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Contracts.Mqtt;

/// <summary>What a topic of a device carries.</summary>
public enum TopicKind
{
    /// <summary>Retained, device to controller: <see cref="DeviceStatus"/>; has a last will.</summary>
    Status,

    /// <summary>Retained, controller to device: <see cref="Deployments.DesiredState"/>.</summary>
    Desired,

    /// <summary>Retained, device to controller: <see cref="Deployments.ReportedState"/>.</summary>
    Reported,

    /// <summary>Device to controller: <see cref="Benchmarks.ReportBatch"/>.</summary>
    Reports,

    /// <summary>Controller to device: <see cref="Deployments.DeviceCommand"/>.</summary>
    Commands,

    /// <summary>Device to controller: <see cref="Artifacts.BlobRequest"/>.</summary>
    BlobRequest,

    /// <summary>Controller to device: raw bytes.</summary>
    BlobResponse,
}

/// <summary>
/// The only place that builds or parses topics: <c>ROOT/v1/devices/ID/{status|desired|reported|reports|commands}</c>
/// and <c>.../blobs/{request|response}</c>.
/// </summary>
public sealed class TopicSchema
{
    public const string DefaultRoot = "edge";

    private static readonly (TopicKind Kind, string Suffix)[] Suffixes =
    [
        (TopicKind.Status, "status"),
        (TopicKind.Desired, "desired"),
        (TopicKind.Reported, "reported"),
        (TopicKind.Reports, "reports"),
        (TopicKind.Commands, "commands"),
        (TopicKind.BlobRequest, "blobs/request"),
        (TopicKind.BlobResponse, "blobs/response"),
    ];

    private readonly string _prefix;

    /// <param name="root">One or more topic levels of the pattern of a <see cref="DeviceId"/>.</param>
    /// <exception cref="FormatException">The root has wildcards, empty levels or other characters.</exception>
    public TopicSchema(string root = DefaultRoot)
    {
        if (root.Length > 128 || root.Split('/').Any(level => !DeviceId.TryParse(level, out _)))
            throw new FormatException($"topic root '{root}' is not valid: use levels of a-z, 0-9, '.', '_', '-', separated by '/'");
        Root = root;
        _prefix = root + "/v1/devices/";
    }

    public string Root { get; }

    public string Topic(DeviceId device, TopicKind kind) => $"{_prefix}{device.Value}/{Suffix(kind)}";

    /// <summary>A filter for one kind of all devices.</summary>
    public string AllDevices(TopicKind kind) => $"{_prefix}+/{Suffix(kind)}";

    /// <summary>The filter of everything that belongs to a device.</summary>
    public string Subtree(DeviceId device) => $"{_prefix}{device.Value}/#";

    /// <summary>Takes a topic apart; false for any topic that <see cref="Topic"/> does not build.</summary>
    public bool TryParse(string topic, out DeviceId device, out TopicKind kind)
    {
        (device, kind) = (default, default);
        if (!topic.StartsWith(_prefix, StringComparison.Ordinal))
            return false;
        var rest = topic.AsSpan(_prefix.Length);
        var slash = rest.IndexOf('/');
        if (slash < 0 || !DeviceId.TryParse(rest[..slash].ToString(), out device))
            return false;
        foreach (var (candidate, suffix) in Suffixes)
        {
            if (rest[(slash + 1)..].SequenceEqual(suffix))
            {
                kind = candidate;
                return true;
            }
        }
        return false;
    }

    /// <summary>Whether a device may publish to the topic: its own, and only kinds that devices send.</summary>
    public bool MayPublish(DeviceId device, string topic) =>
        TryParse(topic, out var owner, out var kind) && owner == device
        && kind is TopicKind.Status or TopicKind.Reported or TopicKind.Reports or TopicKind.BlobRequest;

    /// <summary>Whether a device may subscribe to the filter: exactly its own topics, or its own subtree.</summary>
    public bool MaySubscribe(DeviceId device, string filter) =>
        filter == Subtree(device) || (TryParse(filter, out var owner, out _) && owner == device);

    private static string Suffix(TopicKind kind)
    {
        foreach (var (candidate, suffix) in Suffixes)
            if (candidate == kind)
                return suffix;
        throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such topic");
    }
}
