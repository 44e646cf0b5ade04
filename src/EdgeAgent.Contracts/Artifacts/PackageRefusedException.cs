using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Artifacts;

/// <summary>Why a package is not used.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<PackageRefusal>))]
public enum PackageRefusal
{
    /// <summary>The envelope or the manifest cannot be read or breaks a bound.</summary>
    Malformed,

    /// <summary>No signature by a pinned key.</summary>
    Unsigned,

    /// <summary>A signature by a pinned key does not fit the bytes.</summary>
    BadSignature,

    /// <summary>Past its expiry.</summary>
    Expired,

    /// <summary>For another profile than the device's.</summary>
    WrongProfile,

    /// <summary>The bytes are not those that the digest names.</summary>
    DigestMismatch,

    /// <summary>An older version than the one that is installed.</summary>
    Downgrade,
}

/// <summary>A package is refused; the message is one line and names what is wrong.</summary>
public sealed class PackageRefusedException(PackageRefusal refusal, string message) : Exception(message)
{
    public PackageRefusal Refusal { get; } = refusal;
}
