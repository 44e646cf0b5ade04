using System.Security.Cryptography;
using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Artifacts;

/// <summary>Decides whether a package may be used, from pinned public keys alone. Thread-safe after construction.</summary>
public sealed class PackageVerifier : IDisposable
{
    private readonly Dictionary<string, ECDsa> _keys = [];

    /// <param name="publicKeysPem">The pinned keys, SubjectPublicKeyInfo in PEM.</param>
    /// <exception cref="FormatException">One of them is not an ECDSA P-256 public key.</exception>
    public PackageVerifier(IEnumerable<string> publicKeysPem)
    {
        foreach (var pem in publicKeysPem)
        {
            var key = ImportPublicKey(pem);
            if (!_keys.TryAdd(PackageSigner.KeyIdOf(key), key))
                key.Dispose();
        }
    }

    /// <summary>Hexadecimal SHA-256 of a key's SubjectPublicKeyInfo.</summary>
    /// <exception cref="FormatException">The text is not an ECDSA P-256 public key in PEM.</exception>
    public static string KeyId(string publicKeyPem)
    {
        using var key = ImportPublicKey(publicKeyPem);
        return PackageSigner.KeyIdOf(key);
    }

    /// <summary>Reads an envelope from its JSON, within bounds.</summary>
    /// <exception cref="PackageRefusedException"><see cref="PackageRefusal.Malformed"/>.</exception>
    public static SignedEnvelope ReadEnvelope(ReadOnlySpan<byte> json)
    {
        if (json.Length > PackageLimits.MaxEnvelopeBytes)
            throw Malformed($"the envelope has {json.Length} bytes; at most {PackageLimits.MaxEnvelopeBytes} are allowed");
        try
        {
            var envelope = JsonSerializer.Deserialize(json, ContractsJson.Default.SignedEnvelope);
            if (envelope is not { Payload.Length: > 0, Signatures: not null } || envelope.Signatures.Any(s => s is null))
                throw Malformed("the envelope has no payload or no list of signatures");
            return envelope;
        }
        catch (JsonException)
        {
            throw Malformed("the envelope is not JSON of the form {payload, signatures}");
        }
    }

    /// <summary>Checks signature, expiry, profile and every bound of the manifest, in this order.</summary>
    /// <param name="envelope">As received.</param>
    /// <param name="expected">The digest that was asked for.</param>
    /// <param name="profile">The profile of the device.</param>
    /// <param name="now">The device's time, or its time floor if that is later; null to skip expiry (not a new install).</param>
    /// <returns>The manifest, safe to use.</returns>
    /// <exception cref="PackageRefusedException">The reason by name.</exception>
    public Manifest Verify(SignedEnvelope envelope, Sha256Digest expected, string profile, DateTimeOffset? now)
    {
        if (envelope.Digest != expected)
            throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"package {expected} was asked for, but {envelope.Digest} was delivered");
        var manifest = Verify(envelope);
        if (now > manifest.Expires)
            throw new PackageRefusedException(PackageRefusal.Expired, FormattableString.Invariant($"package {expected} ({manifest.Student}) expired on {manifest.Expires:u}; sign it again with 'edgectl package'"));
        if (manifest.Profile != profile)
            throw new PackageRefusedException(PackageRefusal.WrongProfile, $"package {expected} ({manifest.Student}) is for profile {manifest.Profile}; this device is {profile}");
        return manifest;
    }

    /// <summary>Checks the signature and the bounds only: what a store does that installs nothing.</summary>
    /// <exception cref="PackageRefusedException">The reason by name.</exception>
    public Manifest Verify(SignedEnvelope envelope)
    {
        var known = envelope.Signatures.Where(s => s.KeyId is not null && s.Sig is not null && _keys.ContainsKey(s.KeyId)).ToList();
        if (known.Count == 0)
            throw new PackageRefusedException(PackageRefusal.Unsigned, $"package {envelope.Digest} has no signature by a trusted key; trusted are {(_keys.Count == 0 ? "none" : string.Join(", ", _keys.Keys.Select(k => k[..16])))}");
        if (!known.Any(s => IsValid(_keys[s.KeyId], envelope.Payload, s.Sig)))
            throw new PackageRefusedException(PackageRefusal.BadSignature, $"package {envelope.Digest}: the signature by key {known[0].KeyId[..16]} does not fit the bytes");
        return ReadManifest(envelope.Payload);
    }

    /// <summary>Reads a manifest and checks its bounds; does not look at signatures.</summary>
    /// <exception cref="PackageRefusedException"><see cref="PackageRefusal.Malformed"/>.</exception>
    public static Manifest ReadManifest(ReadOnlySpan<byte> json)
    {
        Manifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, ContractsJson.Default.Manifest) ?? throw Malformed("the manifest is null");
        }
        catch (JsonException e)
        {
            throw Malformed($"the manifest is not valid JSON or lacks a member (at {e.Path ?? "$"})");
        }
        Check(manifest);
        return manifest;
    }

    public void Dispose()
    {
        foreach (var key in _keys.Values)
            key.Dispose();
    }

    private static void Check(Manifest m)
    {
        if (m.Schema != Manifest.CurrentSchema)
            throw Malformed($"manifest schema {m.Schema} is not known; this version reads {Manifest.CurrentSchema}");
        if (!DeviceId.TryParse(m.Name, out _))
            throw Malformed("the model's name is not 1 to 64 of a-z, 0-9, '.', '_', '-'");
        if (m.Files is null || m.Files.Count is 0 or > PackageLimits.MaxFiles)
            throw Malformed($"a package has 1 to {PackageLimits.MaxFiles} files");
        if (m.Operators is null || m.Operators.Count > PackageLimits.MaxOperators || m.Labels is null || m.Labels.Count > PackageLimits.MaxLabels)
            throw Malformed("there are too many operators or labels");
        if (m.Inputs is not { Count: > 0 } || m.Outputs is not { Count: > 0 } || m.Gates is null || m.Metric is null || m.Profile is null || m.Student is null)
            throw Malformed("inputs, outputs, gates, metric, profile or student is missing");
        if (m.Files.Select(f => f?.Role).Distinct().Count() != m.Files.Count || m.Files.Select(f => f?.Path).Distinct().Count() != m.Files.Count)
            throw Malformed("two files have the same role or path");
        foreach (var file in m.Files)
            Check(file);
    }

    private static void Check(PackageFile? file)
    {
        if (file is null || !DeviceId.TryParse(file.Path, out _) || file.Role is null || file.Chunks is null || file.Digest.IsEmpty)
            throw Malformed("a file has no role, digest or chunks, or a path that is not a plain file name");
        if (file.Size is < 1 or > PackageLimits.MaxFileBytes)
            throw Malformed($"file {file.Path}: size {file.Size} is outside 1 to {PackageLimits.MaxFileBytes}");
        if (file.ChunkBytes is < PackageLimits.MinChunkBytes or > PackageLimits.MaxChunkBytes)
            throw Malformed($"file {file.Path}: chunk size {file.ChunkBytes} is outside {PackageLimits.MinChunkBytes} to {PackageLimits.MaxChunkBytes}");
        if (file.Chunks.Count != (file.Size + file.ChunkBytes - 1) / file.ChunkBytes)
            throw Malformed($"file {file.Path}: {file.Chunks.Count} chunks do not make {file.Size} bytes");
    }

    private static bool IsValid(ECDsa key, byte[] payload, byte[] signature)
    {
        // ECDsa objects are not documented as thread-safe.
        lock (key)
            return key.VerifyData(payload, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static ECDsa ImportPublicKey(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value)
                return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new FormatException("not an ECDSA P-256 public key in PEM", e);
        }
        key.Dispose();
        throw new FormatException("the key is not on the curve P-256");
    }

    private static PackageRefusedException Malformed(string message) => new(PackageRefusal.Malformed, message);
}
