using System.Security.Cryptography;

namespace EdgeAgent.Contracts.Artifacts;

/// <summary>Signs manifests with an ECDSA P-256 key. Used by <c>edgectl</c> only: the private key never leaves its machine.</summary>
public sealed class PackageSigner : IDisposable
{
    private readonly ECDsa _key;

    private PackageSigner(ECDsa key)
    {
        _key = key;
        PublicKeyPem = key.ExportSubjectPublicKeyInfoPem();
        KeyId = KeyIdOf(key);
    }

    public string PublicKeyPem { get; }

    public string KeyId { get; }

    public static PackageSigner Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <exception cref="FormatException">The text is not an unencrypted P-256 private key in PEM.</exception>
    public static PackageSigner FromPem(string privateKeyPem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(privateKeyPem);
            // Exporting fails for a public key: better now than at the first signature.
            var parameters = key.ExportParameters(includePrivateParameters: true);
            if (parameters.Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value || parameters.D is null)
                throw new FormatException("the key is not an ECDSA P-256 private key");
            return new PackageSigner(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new FormatException("the key is not an unencrypted ECDSA P-256 private key in PEM; make one with 'edgectl keys new'", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    public string ExportPrivateKeyPem() => _key.ExportPkcs8PrivateKeyPem();

    public SignedEnvelope Sign(ReadOnlySpan<byte> manifest) => new(
        manifest.ToArray(),
        [new EnvelopeSignature(KeyId, _key.SignData(manifest, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation))]);

    public void Dispose() => _key.Dispose();

    internal static string KeyIdOf(ECDsa key) => Sha256Digest.Of(key.ExportSubjectPublicKeyInfo()).Hex;
}
