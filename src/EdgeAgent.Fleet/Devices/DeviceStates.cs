using System.Text.Json;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Rollouts;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Devices;

/// <summary>What devices say about themselves: whether they are there, and what they run.</summary>
internal sealed class DeviceStates(FleetStore store, RolloutProgress progress, DesiredStates desired, TimeProvider time, ILogger<DeviceStates> log)
{
    /// <summary>Connections end with the process that held them: until a device says otherwise, it is offline.</summary>
    public Task ResetOnlineAsync(CancellationToken cancellation) => store.WriteAsync(
        db => db.Devices.Where(d => d.Online).ExecuteUpdateAsync(set => set.SetProperty(d => d.Online, false), cancellation), cancellation);

    public async Task ApplyAsync(DeviceId device, DeviceStatus status, CancellationToken cancellation)
    {
        if (status.Session.Length > 128)
            throw new DocumentException("the session is longer than 128 characters");
        var changed = await store.WriteAsync(async db =>
        {
            var row = await db.Devices.FirstOrDefaultAsync(d => d.Id == device, cancellation);
            // A late last will of an earlier connection must not hide the present one.
            if (row is null || (!status.Online && status.Session != row.Session))
                return false;
            var before = row.Online;
            row.Online = status.Online;
            row.LastSeen = time.GetUtcNow();
            if (status.Online)
                row.Session = status.Session;
            if (status.Hardware is not null)
                row.HardwareJson = JsonSerializer.Serialize(status.Hardware, ContractsJson.Default.HardwareReport);
            return before != row.Online;
        }, cancellation);
        if (changed)
            log.DeviceIs(device, status.Online ? "online" : "offline");
    }

    public async Task ApplyAsync(DeviceId device, ReportedState reported, CancellationToken cancellation)
    {
        if (reported.Models.Count > DesiredState.MaxModels)
            throw new DocumentException($"there are {reported.Models.Count} models; {DesiredState.MaxModels} are allowed");
        if (reported.Models.Any(m => m.Value is null))
            throw new DocumentException("a model is null");
        var changed = await store.WriteAsync(async db =>
        {
            var row = await db.Devices.FirstOrDefaultAsync(d => d.Id == device, cancellation);
            if (row is null)
                return [];
            row.ReportedJson = JsonSerializer.Serialize(reported, ContractsJson.Default.ReportedState);
            row.LastSeen = time.GetUtcNow();
            return await progress.ApplyAsync(db, device, reported, cancellation);
        }, cancellation);
        await desired.PublishAsync(changed, cancellation);
    }

    public async Task<IReadOnlyList<DeviceSummary>> ListAsync(CancellationToken cancellation)
    {
        var rows = await store.ReadAsync(db => db.Devices.OrderBy(d => d.Id).ToListAsync(cancellation), cancellation);
        return [.. rows.Select(Summary)];
    }

    public async Task<DeviceSummary> GetAsync(DeviceId device, CancellationToken cancellation) =>
        Summary(await store.ReadAsync(db => db.Devices.FirstOrDefaultAsync(d => d.Id == device, cancellation), cancellation)
            ?? throw RefusedException.NotFound($"no device {device} is enrolled here"));

    /// <summary>Removes the device with its secret, so that its id can be claimed again; its reports and what it finished in rollouts stay.</summary>
    public async Task RemoveAsync(DeviceId device, CancellationToken cancellation)
    {
        var changed = await store.WriteAsync(async db =>
        {
            await db.Desired.Where(d => d.Device == device).ExecuteDeleteAsync(cancellation);
            if (await db.Devices.Where(d => d.Id == device).ExecuteDeleteAsync(cancellation) == 0)
                throw RefusedException.NotFound($"no device {device} is enrolled here");
            return await progress.ForgetAsync(db, device, cancellation);
        }, cancellation);
        log.Removed(device);
        await desired.PublishAsync(changed, cancellation);
    }

    private static DeviceSummary Summary(DeviceRow row) => new()
    {
        Device = row.Id,
        Profile = row.Profile,
        Emulated = row.Emulated,
        Online = row.Online,
        LastSeen = row.LastSeen,
        Hardware = JsonSerializer.Deserialize(row.HardwareJson, ContractsJson.Default.HardwareReport)!,
        Reported = row.ReportedJson is null ? null : JsonSerializer.Deserialize(row.ReportedJson, ContractsJson.Default.ReportedState),
    };
}
