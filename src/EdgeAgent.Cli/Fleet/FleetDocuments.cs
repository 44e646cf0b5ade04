using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;

namespace EdgeAgent.Cli.Fleet;

// What --json writes of a controller's state: the documents of the wire under one name each.

internal sealed record DevicesDocument(int Schema, IReadOnlyList<DeviceSummary> Devices);

internal sealed record TokenDocument(int Schema, string Token, DateTimeOffset Expires, int Uses);

internal sealed record RolloutsDocument(int Schema, IReadOnlyList<RolloutStatus> Rollouts);

internal sealed record ReportsDocument(int Schema, IReadOnlyList<StoredReport> Reports);

internal sealed record PackagesDocument(int Schema, IReadOnlyList<PackageSummary> Packages);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="Packages">What was signed.</param>
internal sealed record SignedDocument(int Schema, IReadOnlyList<SignedPackage> Packages);

internal sealed record SignedPackage(Sha256Digest Digest, string Model, long Version, string Student, string Profile, DateTimeOffset Expires, long Bytes, string Path);

/// <param name="Schema">Version of the document's form.</param>
/// <param name="KeyId">Hexadecimal SHA-256 of the public key.</param>
/// <param name="PrivateKey">Path of the private key.</param>
/// <param name="PublicKey">Path of the public key.</param>
internal sealed record KeyDocument(int Schema, string KeyId, string PrivateKey, string PublicKey);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DevicesDocument))]
[JsonSerializable(typeof(TokenDocument))]
[JsonSerializable(typeof(RolloutsDocument))]
[JsonSerializable(typeof(ReportsDocument))]
[JsonSerializable(typeof(PackagesDocument))]
[JsonSerializable(typeof(SignedDocument))]
[JsonSerializable(typeof(KeyDocument))]
internal sealed partial class FleetDocumentsJson : JsonSerializerContext;
