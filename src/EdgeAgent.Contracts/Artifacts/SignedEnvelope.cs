namespace EdgeAgent.Contracts.Artifacts;

/// <summary>A manifest and the signatures over its exact bytes.</summary>
/// <param name="Payload">The manifest's bytes (base64 in JSON).</param>
/// <param name="Signatures">At least one has to be by a pinned key.</param>
public sealed record SignedEnvelope(byte[] Payload, IReadOnlyList<EnvelopeSignature> Signatures)
{
    /// <summary>The digest that names the package.</summary>
    public Sha256Digest Digest => Sha256Digest.Of(Payload);
}

/// <param name="KeyId">Hexadecimal SHA-256 of the SubjectPublicKeyInfo.</param>
/// <param name="Sig">ECDSA P-256 with SHA-256, IEEE P1363 form (base64 in JSON).</param>
public sealed record EnvelopeSignature(string KeyId, byte[] Sig);
