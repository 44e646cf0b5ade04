using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>
/// Devices that enrol after a rollout was started: they join its last wave, of every model the newest rollout that was
/// meant for the whole fleet, has a package for their profile and did not fail.
/// </summary>
internal sealed class LateJoiners(WaveRunner waves, TimeProvider time)
{
    private static readonly RolloutState[] Open = [RolloutState.Running, RolloutState.Paused, RolloutState.Completed];

    /// <summary>Runs inside the transaction of the enrolment.</summary>
    /// <returns>Devices whose desired state changed.</returns>
    public async Task<HashSet<DeviceId>> JoinAsync(FleetDatabase db, DeviceRow device, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var candidates = await db.Rollouts
            .Where(r => r.WholeFleet && Open.Contains(r.State)
                && r.Choices.Any(c => c.Profile == device.Profile && db.Packages.Any(p => p.Digest == c.Digest && p.Expires > now)))
            .OrderByDescending(r => r.Started).ThenByDescending(r => r.Id)
            .Select(r => new { r.Id, r.Model }).ToListAsync(cancellation);

        var changed = new HashSet<DeviceId>();
        foreach (var id in candidates.DistinctBy(r => r.Model).Select(r => r.Id))
        {
            var rollout = await RolloutProgress.LoadAsync(db, id, cancellation);
            var last = rollout.Waves.MaxBy(w => w.Index)!;
            if (last.State == WaveState.Done)
                last.State = WaveState.Running;
            // The id may have been in the rollout before, on a machine that was removed since.
            await db.RolloutDevices.Where(d => d.Rollout == id && d.Device == device.Id).ExecuteDeleteAsync(cancellation);
            db.RolloutDevices.Add(new RolloutDeviceRow { Rollout = id, Device = device.Id, Profile = device.Profile, Wave = last.Index });
            waves.Apply(db, rollout, RolloutEvent.DeviceJoined, rollout.State == RolloutState.Completed ? $"{device.Id} joined" : rollout.Reason);
            changed.UnionWith(await waves.AdvanceAsync(db, rollout, cancellation));
        }
        return changed;
    }
}
