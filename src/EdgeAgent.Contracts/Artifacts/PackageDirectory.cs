using System.Text.Json;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Artifacts;

/// <summary>
/// A signed package on disk, content-addressed: <c>envelope.json</c> beside <c>blobs/sha256/HEX</c>. Written to a
/// temporary folder first and renamed, so that a folder of its name is always whole.
/// </summary>
public sealed class PackageDirectory
{
    private const string EnvelopeName = "envelope.json";

    private PackageDirectory(string path, SignedEnvelope envelope, Manifest manifest) => (Path, Envelope, Manifest) = (path, envelope, manifest);

    public string Path { get; }

    public SignedEnvelope Envelope { get; }

    /// <summary>The manifest as it stands in the envelope; its signature has not been checked.</summary>
    public Manifest Manifest { get; }

    public string BlobPath(Sha256Digest digest) => System.IO.Path.Combine(Path, "blobs", "sha256", digest.Hex);

    /// <param name="parent">The package becomes a folder in here, named by the first 16 digits of its digest.</param>
    /// <param name="manifest">Its files must be among <paramref name="contents"/>.</param>
    /// <param name="contents">Bytes by role.</param>
    /// <param name="signer">Signs the manifest.</param>
    public static PackageDirectory Write(string parent, Manifest manifest, IReadOnlyDictionary<string, byte[]> contents, PackageSigner signer)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest);
        PackageVerifier.ReadManifest(payload);
        var envelope = signer.Sign(payload);
        var target = System.IO.Path.Combine(parent, envelope.Digest.Hex[..16]);
        var staging = target + ".partial";
        if (Directory.Exists(staging))
            Directory.Delete(staging, recursive: true);
        var blobs = Directory.CreateDirectory(System.IO.Path.Combine(staging, "blobs", "sha256"));
        foreach (var file in manifest.Files)
        {
            var content = contents[file.Role];
            if (Sha256Digest.Of(content) != file.Digest)
                throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"file {file.Path} is not the one that the manifest names");
            File.WriteAllBytes(System.IO.Path.Combine(blobs.FullName, file.Digest.Hex), content);
        }
        File.WriteAllBytes(System.IO.Path.Combine(staging, EnvelopeName), JsonSerializer.SerializeToUtf8Bytes(envelope, ContractsJson.Default.SignedEnvelope));
        // The name holds the digest of what is inside: what stands there already is the same package.
        if (Directory.Exists(target))
            Directory.Delete(target, recursive: true);
        Directory.Move(staging, target);
        return Open(target);
    }

    /// <summary>Opens a package and checks every blob against the manifest's digests.</summary>
    /// <exception cref="PackageRefusedException">It is not whole, or a byte has changed.</exception>
    public static PackageDirectory Open(string path)
    {
        var envelopePath = System.IO.Path.Combine(path, EnvelopeName);
        if (!File.Exists(envelopePath))
            throw new PackageRefusedException(PackageRefusal.Malformed, $"{path} holds no {EnvelopeName}; make a package with 'edgectl package'");
        if (new FileInfo(envelopePath).Length > PackageLimits.MaxEnvelopeBytes)
            throw new PackageRefusedException(PackageRefusal.Malformed, $"{envelopePath} is larger than {PackageLimits.MaxEnvelopeBytes} bytes");
        var envelope = PackageVerifier.ReadEnvelope(File.ReadAllBytes(envelopePath));
        var package = new PackageDirectory(path, envelope, PackageVerifier.ReadManifest(envelope.Payload));
        foreach (var file in package.Manifest.Files)
        {
            var blob = package.BlobPath(file.Digest);
            if (!File.Exists(blob))
                throw new PackageRefusedException(PackageRefusal.Malformed, $"{path}: the file {file.Path} ({file.Digest}) is missing");
            if (new FileInfo(blob).Length != file.Size || Sha256Digest.OfFile(blob) != file.Digest)
                throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"{path}: the file {file.Path} is not the one that the manifest names");
        }
        return package;
    }

    /// <summary>All packages in the folders below <paramref name="root"/>, in ordinal order of their paths.</summary>
    public static IEnumerable<string> Find(string root) => Directory.Exists(root)
        ? Directory.EnumerateFiles(root, EnvelopeName, SearchOption.AllDirectories).Select(f => System.IO.Path.GetDirectoryName(f)!).Order(StringComparer.Ordinal)
        : [];
}
