using EdgeAgent.Contracts.Mqtt;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>How the controller is started. The defaults serve this machine only, on free ports.</summary>
internal sealed record FleetOptions
{
    /// <summary>Database, blobs and the administrator's token.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Address that HTTP and MQTT listen on: an IP address or <c>localhost</c>.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>URL of the REST API; null: a free port of <see cref="Host"/>, https where there is a certificate.</summary>
    public string? Url { get; init; }

    /// <summary>TCP port of the broker; 0 is a free one.</summary>
    public int MqttPort { get; init; }

    /// <summary>Host name that devices are told for the broker; null: the name by which they reached the REST API.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>PEM file of the certificate, followed by its intermediates.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>PEM file of the certificate's private key.</summary>
    public string? TlsKey { get; init; }

    /// <summary>Directory of device profiles that are loaded at every start.</summary>
    public string? ProfilesDirectory { get; init; }

    public string TopicRoot { get; init; } = TopicSchema.DefaultRoot;

    /// <summary>Devices that may download at a time; others are told to ask again later.</summary>
    public int MaxDownloads { get; init; } = 64;

    public static string DefaultDataDirectory => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "edge-fleet");
}
