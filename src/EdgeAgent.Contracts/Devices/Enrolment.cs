namespace EdgeAgent.Contracts.Devices;

/// <summary>A device's claim of its id, sent once over HTTP(S) with an enrolment token.</summary>
public sealed record EnrolmentRequest
{
    public int Schema { get; init; } = 1;

    public required string Token { get; init; }

    public required DeviceId Device { get; init; }

    /// <summary>Id of the device's profile.</summary>
    public required string Profile { get; init; }

    /// <summary>The machine is not such a board: its reports never enter the profile's cost model.</summary>
    public bool Emulated { get; init; }

    public required HardwareReport Hardware { get; init; }
}

/// <summary>The answer: a secret of the device's own and how to reach the broker. The secret is told only once.</summary>
public sealed record EnrolmentResponse
{
    public int Schema { get; init; } = 1;

    public required DeviceId Device { get; init; }

    /// <summary>Password for the broker; the user name is the device id.</summary>
    public required string Secret { get; init; }

    public required BrokerAddress Broker { get; init; }

    /// <summary>Public keys (SubjectPublicKeyInfo, PEM) that sign packages; the device pins them.</summary>
    public required IReadOnlyList<string> VerifyingKeys { get; init; }
}

/// <param name="Host">Name or address.</param>
/// <param name="Port">TCP port.</param>
/// <param name="Tls">Whether the connection is TLS.</param>
/// <param name="TopicRoot">Root of all topics, usually <c>edge</c>.</param>
public sealed record BrokerAddress(string Host, int Port, bool Tls, string TopicRoot);

/// <summary>A token that lets devices enrol.</summary>
public sealed record EnrolmentToken(string Token, DateTimeOffset Expires, int Uses);

/// <param name="ValidMinutes">How long the token counts.</param>
/// <param name="Uses">How many devices may enrol with it.</param>
public sealed record EnrolmentTokenRequest(int ValidMinutes = 60, int Uses = 1);

/// <summary>One device as the controller lists it.</summary>
public sealed record DeviceSummary
{
    public required DeviceId Device { get; init; }

    public required string Profile { get; init; }

    public required bool Emulated { get; init; }

    public required bool Online { get; init; }

    public DateTimeOffset? LastSeen { get; init; }

    public required HardwareReport Hardware { get; init; }

    public Deployments.ReportedState? Reported { get; init; }
}

/// <summary>The retained status of a device; the broker publishes it with <c>Online</c> false as its last will.</summary>
public sealed record DeviceStatus
{
    public int Schema { get; init; } = 1;

    public required bool Online { get; init; }

    /// <summary>Random per start of the agent, so that a late last will of an earlier connection is recognised.</summary>
    public required string Session { get; init; }

    public HardwareReport? Hardware { get; init; }
}
