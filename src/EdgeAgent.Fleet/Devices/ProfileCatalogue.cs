using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Devices;

/// <summary>The device profiles that the controller chooses and predicts by.</summary>
internal sealed class ProfileCatalogue(FleetStore store)
{
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellation) =>
        await store.ReadAsync(db => db.Profiles.OrderBy(p => p.Id).Select(p => p.Id).ToListAsync(cancellation), cancellation);

    public static async Task<DeviceProfile?> FindAsync(FleetDatabase db, string id, CancellationToken cancellation) =>
        await db.Profiles.Where(p => p.Id == id).Select(p => p.Json).FirstOrDefaultAsync(cancellation) is { } json
            ? ProfileLoader.Parse(json, id)
            : null;

    /// <exception cref="ProfileException">The document breaks the schema; names the JSON path.</exception>
    public Task PutAsync(string id, byte[] json, CancellationToken cancellation)
    {
        var profile = ProfileLoader.Parse(json, "the profile");
        if (profile.Id != id)
            throw RefusedException.BadRequest($"the document is the profile {profile.Id}, but the path names {id}");
        return StoreAsync(profile.Id, json, cancellation);
    }

    /// <summary>Stores every profile of a directory.</summary>
    /// <exception cref="FleetStartException">The directory or a file of it cannot be used.</exception>
    public async Task LoadAsync(string directory, CancellationToken cancellation)
    {
        if (!Directory.Exists(directory))
            throw new FleetStartException($"--profiles: there is no directory {directory}; name one with profiles, such as firmware-profiles");
        foreach (var id in ProfileLoader.Ids(directory))
        {
            var file = Path.Combine(directory, id + ".json");
            try
            {
                await StoreAsync(ProfileLoader.Load(file).Id, await File.ReadAllBytesAsync(file, cancellation), cancellation);
            }
            catch (Exception e) when (e is ProfileException or IOException or UnauthorizedAccessException)
            {
                throw new FleetStartException($"--profiles: {e.Message.ReplaceLineEndings(" ")}");
            }
        }
    }

    private Task StoreAsync(string id, byte[] json, CancellationToken cancellation) => store.WriteAsync(async db =>
    {
        if (await db.Profiles.FirstOrDefaultAsync(p => p.Id == id, cancellation) is { } row)
            row.Json = json;
        else
            db.Profiles.Add(new ProfileRow { Id = id, Json = json });
    }, cancellation);
}
