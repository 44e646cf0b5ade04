using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Artifacts;

/// <summary>The packages that may be rolled out: signed by a known key, and whole.</summary>
internal sealed class PackageStore(FleetStore store, BlobStore blobs, VerifyingKeys keys, TimeProvider time, ILogger<PackageStore> log)
{
    /// <exception cref="PackageRefusedException">The signature or the manifest does not hold.</exception>
    /// <exception cref="RefusedException">409: a blob is missing, or an older version than what is here.</exception>
    public async Task<PackageSummary> AddAsync(SignedEnvelope envelope, CancellationToken cancellation)
    {
        using var verifier = await keys.VerifierAsync(cancellation);
        // An envelope from JSON is not yet within bounds; reading it again from its bytes checks that.
        var bytes = JsonSerializer.SerializeToUtf8Bytes(envelope, ContractsJson.Default.SignedEnvelope);
        var manifest = verifier.Verify(PackageVerifier.ReadEnvelope(bytes));
        if (manifest.Expires <= time.GetUtcNow())
            throw new PackageRefusedException(PackageRefusal.Expired, FormattableString.Invariant($"package {envelope.Digest} ({manifest.Student}) expired on {manifest.Expires:u}; sign it again with 'edgectl package sign'"));
        foreach (var file in manifest.Files)
        {
            if (blobs.SizeOf(file.Digest) is not { } size)
                throw RefusedException.Conflict($"the file {file.Path} ({file.Digest}) of package {envelope.Digest} is not here; upload it to {FleetRoutes.Blob(file.Digest)} first");
            if (size != file.Size)
                throw new PackageRefusedException(PackageRefusal.Malformed, $"the manifest says that {file.Path} has {file.Size} bytes, but it has {size}");
        }
        var row = new PackageRow
        {
            Digest = envelope.Digest,
            Model = manifest.Name,
            Version = manifest.Version,
            Student = manifest.Student,
            Profile = manifest.Profile,
            Accuracy = manifest.Metric.Value,
            Bytes = manifest.Files.Sum(f => f.Size),
            PredictedUs = manifest.PredictedUs,
            Expires = manifest.Expires,
            Envelope = bytes,
            Uploaded = time.GetUtcNow(),
            Files = [.. manifest.Files.Select(f => new PackageFileRow { Package = envelope.Digest, Role = f.Role, Digest = f.Digest, Size = f.Size })],
        };
        var isNew = await store.WriteAsync(async db =>
        {
            if (await db.Packages.AnyAsync(p => p.Digest == row.Digest, cancellation))
                return false;
            db.Packages.Add(row);
            return true;
        }, cancellation);
        if (isNew)
            log.PackageStored(row.Digest, row.Model, row.Profile, row.Student);
        return Summary(row);
    }

    public async Task<IReadOnlyList<PackageSummary>> ListAsync(CancellationToken cancellation)
    {
        var rows = await store.ReadAsync(
            db => db.Packages.OrderBy(p => p.Model).ThenByDescending(p => p.Version).ThenBy(p => p.Profile).ThenByDescending(p => p.Accuracy)
                .Select(p => new PackageSummary(p.Digest, p.Model, p.Version, p.Student, p.Profile, p.Accuracy, p.Bytes, p.PredictedUs, p.Expires))
                .ToListAsync(cancellation),
            cancellation);
        return rows;
    }

    /// <summary>The manifest of a stored package; its signature was checked when it came.</summary>
    public static Manifest ManifestOf(PackageRow row) => PackageVerifier.ReadManifest(PackageVerifier.ReadEnvelope(row.Envelope).Payload);

    private static PackageSummary Summary(PackageRow p) =>
        new(p.Digest, p.Model, p.Version, p.Student, p.Profile, p.Accuracy, p.Bytes, p.PredictedUs, p.Expires);
}
