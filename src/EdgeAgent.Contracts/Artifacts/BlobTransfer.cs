namespace EdgeAgent.Contracts.Artifacts;

/// <summary>
/// A device asks for bytes of one blob. The answer goes to its response topic as raw bytes with the request's MQTT 5
/// correlation data and the user properties of <see cref="BlobResponseProperties"/>.
/// </summary>
public sealed record BlobRequest
{
    public int Schema { get; init; } = 1;

    /// <summary>Digest of a package (its envelope is delivered) or of a file of a package.</summary>
    public required Sha256Digest Digest { get; init; }

    public required long Offset { get; init; }

    /// <summary>At most <see cref="PackageLimits.MaxChunkBytes"/>; less comes only at the end of the blob.</summary>
    public required int Length { get; init; }
}

/// <summary>Names and values of the user properties of a blob response.</summary>
public static class BlobResponseProperties
{
    /// <summary>One of the Status constants.</summary>
    public const string Status = "status";

    /// <summary>Size of the whole blob in bytes.</summary>
    public const string Size = "size";

    public const string Ok = "ok";

    /// <summary>There is no such blob, or the device has no deployment that needs it.</summary>
    public const string NotFound = "not-found";

    /// <summary>Offset or length is out of bounds.</summary>
    public const string BadRequest = "bad-request";

    /// <summary>Too many devices are downloading: ask again after a jittered pause.</summary>
    public const string Busy = "busy";
}
