using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Rollouts;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Devices;

/// <summary>How a device gets into the fleet: a token for a secret, once per id.</summary>
internal sealed class Enrolment(FleetStore store, LateJoiners joiners, DesiredStates desired, TimeProvider time, ILogger<Enrolment> log)
{
    private const int MaxValidMinutes = 60 * 24 * 365, MaxUses = 100_000;

    public async Task<EnrolmentToken> CreateTokenAsync(EnrolmentTokenRequest request, CancellationToken cancellation)
    {
        if (request.ValidMinutes is < 1 or > MaxValidMinutes || request.Uses is < 1 or > MaxUses)
            throw RefusedException.BadRequest($"validMinutes has to be 1 to {MaxValidMinutes} and uses 1 to {MaxUses}");
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        var expires = now.AddMinutes(request.ValidMinutes);
        await store.WriteAsync(async db =>
        {
            await db.Tokens.Where(t => t.Expires < now || t.UsesLeft == 0).ExecuteDeleteAsync(cancellation);
            db.Tokens.Add(new TokenRow { Hash = Hash(token), Expires = expires, UsesLeft = request.Uses });
        }, cancellation);
        return new EnrolmentToken(token, expires, request.Uses);
    }

    /// <returns>The device's secret and the keys to pin.</returns>
    /// <exception cref="RefusedException">401: the token does not count; 409: the id is taken.</exception>
    public async Task<(string Secret, IReadOnlyList<string> VerifyingKeys)> EnrolAsync(EnrolmentRequest request, CancellationToken cancellation)
    {
        if (!DeviceId.TryParse(request.Profile, out _))
            throw RefusedException.BadRequest("the profile is not 1 to 64 of a-z, 0-9, '.', '_', '-'; name one of firmware-profiles");
        var (secret, salt, hash) = DeviceSecrets.Create();
        var now = time.GetUtcNow();
        var (keys, joined) = await store.WriteAsync(async db =>
        {
            var tokenHash = Hash(request.Token);
            var token = await db.Tokens.FirstOrDefaultAsync(t => t.Hash == tokenHash, cancellation);
            if (token is null || token.Expires <= now || token.UsesLeft < 1)
                throw new RefusedException(StatusCodes.Status401Unauthorized, "the enrolment token is wrong, used up or expired; get a new one with 'edgectl devices token'");
            if (await db.Devices.AnyAsync(d => d.Id == request.Device, cancellation))
                throw RefusedException.Conflict($"a device {request.Device} is enrolled already; choose another id, or remove that device first");
            token.UsesLeft--;
            var device = new DeviceRow
            {
                Id = request.Device,
                Profile = request.Profile,
                Emulated = request.Emulated,
                SecretSalt = salt,
                SecretHash = hash,
                Enrolled = now,
                HardwareJson = JsonSerializer.Serialize(request.Hardware, ContractsJson.Default.HardwareReport),
            };
            db.Devices.Add(device);
            await db.SaveChangesAsync(cancellation);
            var changed = await joiners.JoinAsync(db, device, cancellation);
            return (await db.VerifyingKeys.OrderBy(k => k.KeyId).Select(k => k.Pem).ToListAsync(cancellation), changed);
        }, cancellation);
        log.Enrolled(request.Device, request.Profile, request.Emulated);
        await desired.PublishAsync(joined, cancellation);
        return (secret, keys);
    }

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
