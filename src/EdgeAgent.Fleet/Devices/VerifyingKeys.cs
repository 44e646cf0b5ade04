using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Devices;

/// <summary>The public keys whose signatures count, here and on devices that enrol from now on. Private keys never come here.</summary>
internal sealed class VerifyingKeys(FleetStore store)
{
    private const int MaxKeys = 16;

    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellation) =>
        await store.ReadAsync(db => db.VerifyingKeys.OrderBy(k => k.KeyId).Select(k => k.Pem).ToListAsync(cancellation), cancellation);

    public async Task AddAsync(VerifyingKey key, CancellationToken cancellation)
    {
        if (key.Pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
            throw RefusedException.BadRequest("this is a private key; it must not leave its machine: send the public key only");
        string id;
        try
        {
            id = PackageVerifier.KeyId(key.Pem);
        }
        catch (FormatException e)
        {
            throw RefusedException.BadRequest($"the verifying key cannot be used: {e.Message}");
        }
        await store.WriteAsync(async db =>
        {
            if (await db.VerifyingKeys.AnyAsync(k => k.KeyId == id, cancellation))
                return;
            if (await db.VerifyingKeys.CountAsync(cancellation) >= MaxKeys)
                throw RefusedException.Conflict($"there are {MaxKeys} verifying keys already");
            db.VerifyingKeys.Add(new VerifyingKeyRow { KeyId = id, Pem = key.Pem });
        }, cancellation);
    }

    /// <summary>A verifier of the keys known now; to be disposed by the caller.</summary>
    public async Task<PackageVerifier> VerifierAsync(CancellationToken cancellation) => new(await ListAsync(cancellation));
}
