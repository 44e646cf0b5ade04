using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>What devices are to run: changed in the database under a rising revision, then published as retained messages.</summary>
internal sealed class DesiredStates(FleetStore store, DeviceOutbox outbox) : IDisposable
{
    // One publisher at a time, which reads what it publishes: an older revision can never overwrite a newer one.
    private readonly SemaphoreSlim _publisher = new(1, 1);

    /// <summary>Changes one model of a device inside the caller's transaction; null takes the model away.</summary>
    /// <returns>The revision that says so, or null where no such device is enrolled any more.</returns>
    public static async Task<long?> SetAsync(FleetDatabase db, DeviceId device, string model, (Sha256Digest Digest, string Rollout)? wanted, CancellationToken cancellation)
    {
        var owner = await db.Devices.FindAsync([device], cancellation);
        if (owner is null)
            return null;
        var row = await db.Desired.FindAsync([device, model], cancellation);
        if (wanted is not { } want)
        {
            if (row is not null)
                db.Desired.Remove(row);
        }
        else if (row is null)
        {
            db.Desired.Add(new DesiredRow { Device = device, Model = model, Digest = want.Digest, Rollout = want.Rollout });
        }
        else
        {
            (row.Digest, row.Rollout) = want;
        }
        return ++owner.DesiredRevision;
    }

    /// <summary>Publishes the desired states of devices, as the database has them now. Call it after the commit.</summary>
    public async Task PublishAsync(IReadOnlyCollection<DeviceId> devices, CancellationToken cancellation)
    {
        if (devices.Count == 0)
            return;
        // What is committed is published even if whoever caused it has gone.
        await _publisher.WaitAsync(CancellationToken.None);
        try
        {
            foreach (var device in devices)
            {
                var state = await store.ReadAsync(db => ReadAsync(db, device), CancellationToken.None);
                if (state is not null)
                    await outbox.PublishDesiredAsync(device, JsonSerializer.SerializeToUtf8Bytes(state, ContractsJson.Default.DesiredState), CancellationToken.None);
            }
        }
        finally
        {
            _publisher.Release();
        }
    }

    /// <summary>After a start: the embedded broker has forgotten everything, and a crash may have come before a publish.</summary>
    public async Task PublishAllAsync(CancellationToken cancellation)
    {
        var devices = await store.ReadAsync(
            db => db.Devices.Where(d => d.DesiredRevision > 0).Select(d => d.Id).ToListAsync(cancellation), cancellation);
        await PublishAsync(devices, cancellation);
    }

    public void Dispose() => _publisher.Dispose();

    private static async Task<DesiredState?> ReadAsync(FleetDatabase db, DeviceId device)
    {
        // One statement, so that revision and models belong together.
        var found = await db.Devices.Where(d => d.Id == device)
            .Select(d => new { d.DesiredRevision, Models = db.Desired.Where(m => m.Device == d.Id).ToList() })
            .FirstOrDefaultAsync();
        return found is null
            ? null
            : new DesiredState
            {
                Revision = found.DesiredRevision,
                Models = found.Models.ToDictionary(m => m.Model, m => new DesiredModel(m.Digest, m.Rollout)),
            };
    }
}
