using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Devices;

/// <summary>Secrets of devices: made here, told once, kept as salted hashes.</summary>
internal sealed class DeviceSecrets(FleetStore store)
{
    private const int SecretBytes = 32, SaltBytes = 16;

    /// <returns>The secret in base64url, and what is kept of it.</returns>
    public static (string Secret, byte[] Salt, byte[] Hash) Create()
    {
        var secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return (secret, salt, Hash(salt, secret));
    }

    /// <summary>Whether this is the device's secret; false for devices that nobody enrolled.</summary>
    public async Task<bool> MatchesAsync(DeviceId device, string candidate)
    {
        var row = await store.ReadAsync(
            db => db.Devices.Where(d => d.Id == device).Select(d => new { d.SecretSalt, d.SecretHash }).FirstOrDefaultAsync(),
            CancellationToken.None);
        return row is not null && CryptographicOperations.FixedTimeEquals(row.SecretHash, Hash(row.SecretSalt, candidate));
    }

    private static byte[] Hash(byte[] salt, string secret) => SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(secret)]);
}
