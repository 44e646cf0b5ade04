using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>Takes what devices report into the rollouts that told them what to run.</summary>
internal sealed class RolloutProgress(WaveRunner waves, ILogger<RolloutProgress> log)
{
    private const int MaxReasonLength = 500;

    /// <summary>Runs inside the transaction that stores the reported state.</summary>
    /// <returns>Devices whose desired state changed.</returns>
    public async Task<HashSet<DeviceId>> ApplyAsync(FleetDatabase db, DeviceId device, ReportedState reported, CancellationToken cancellation)
    {
        var changed = new HashSet<DeviceId>();
        foreach (var row in await UnfinishedAsync(db, device, cancellation))
        {
            var rollout = await LoadAsync(db, row.Rollout, cancellation);
            // Taken back meanwhile: what the device makes of that says nothing about the package.
            if (await db.Desired.FindAsync([device, rollout.Model], cancellation) is not { } wanted || wanted.Rollout != row.Rollout)
                continue;
            var digest = rollout.Choices.Single(c => c.Profile == row.Profile).Digest;
            if (!reported.Models.TryGetValue(rollout.Model, out var model)
                || StateOf(model, reported.Revision, row, digest) is not { } now
                || (now.State == row.State && now.Reason == row.Reason))
            {
                continue;
            }
            (row.State, row.Reason) = now;
            db.AfterCommit.Add(() => log.DeploymentIs(row.Rollout, device, now.State, now.Reason));
            if (IsFinal(row.State))
                changed.UnionWith(await waves.AdvanceAsync(db, rollout, cancellation));
        }
        return changed;
    }

    /// <summary>A device was removed: nobody waits for it any more.</summary>
    public async Task<HashSet<DeviceId>> ForgetAsync(FleetDatabase db, DeviceId device, CancellationToken cancellation)
    {
        var changed = new HashSet<DeviceId>();
        var rows = await UnfinishedAsync(db, device, cancellation);
        db.RolloutDevices.RemoveRange(rows);
        await db.SaveChangesAsync(cancellation);
        foreach (var row in rows)
            changed.UnionWith(await waves.AdvanceAsync(db, await LoadAsync(db, row.Rollout, cancellation), cancellation));
        changed.Remove(device);
        return changed;
    }

    public static Task<RolloutRow> LoadAsync(FleetDatabase db, string id, CancellationToken cancellation) =>
        db.Rollouts.Include(r => r.Waves).Include(r => r.Choices).AsSplitQuery().SingleAsync(r => r.Id == id, cancellation);

    /// <summary>What a report says of the deployment that <paramref name="row"/> asked for; null where it says nothing of it.</summary>
    private static (DeploymentState State, string? Reason)? StateOf(ReportedModel model, long revision, RolloutDeviceRow row, Sha256Digest digest)
    {
        // Not told yet, or an answer to an earlier wish, which may name the same package.
        if (row.ReleasedRevision is not { } released || revision < released)
            return null;
        if (model.Deploying == digest && model.Rollout == row.Rollout)
            return (model.State, model.Reason is { Length: > MaxReasonLength } reason ? reason[..MaxReasonLength] : model.Reason);
        // It runs the package already, from an earlier rollout.
        return model.Current == digest && model.State is (DeploymentState.Committed or DeploymentState.Idle) ? (DeploymentState.Committed, null) : null;
    }

    private static bool IsFinal(DeploymentState state) => state is DeploymentState.Committed or DeploymentState.RolledBack;

    private static Task<List<RolloutDeviceRow>> UnfinishedAsync(FleetDatabase db, DeviceId device, CancellationToken cancellation) =>
        db.RolloutDevices
            .Where(d => d.Device == device && d.State != DeploymentState.Committed && d.State != DeploymentState.RolledBack)
            .ToListAsync(cancellation);
}
