using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>
/// Moves a rollout as far as its devices allow. It decides from the database alone, inside the caller's transaction, so
/// that a controller that was killed goes on where it was.
/// </summary>
internal sealed class WaveRunner(ILogger<WaveRunner> log)
{
    /// <param name="db">A write transaction.</param>
    /// <param name="rollout">Tracked, with its waves and choices.</param>
    /// <param name="cancellation">Ends the work; the transaction is then rolled back by its owner.</param>
    /// <returns>Devices whose desired state changed; to be published after the commit.</returns>
    public async Task<HashSet<DeviceId>> AdvanceAsync(FleetDatabase db, RolloutRow rollout, CancellationToken cancellation)
    {
        var changed = new HashSet<DeviceId>();
        // The queries below have to see what the caller changed.
        await db.SaveChangesAsync(cancellation);
        while (rollout.State is RolloutState.Running or RolloutState.Paused)
        {
            var wave = rollout.Waves.OrderBy(w => w.Index).FirstOrDefault(w => w.State != WaveState.Done);
            if (wave is null)
            {
                if (rollout.State == RolloutState.Running)
                    Apply(db, rollout, RolloutEvent.WavesDone, await OutcomeAsync(db, rollout, cancellation));
                break;
            }
            if (rollout.State == RolloutState.Running)
            {
                Set(db, rollout, wave, WaveState.Running);
                await ReleaseAsync(db, rollout, wave, changed, cancellation);
            }
            await db.SaveChangesAsync(cancellation);

            var counts = await db.RolloutDevices.Where(d => d.Rollout == rollout.Id && d.Wave == wave.Index)
                .GroupBy(d => d.State).Select(g => new { State = g.Key, Count = g.Count() })
                .ToDictionaryAsync(g => g.State, g => g.Count, cancellation);
            var total = counts.Values.Sum();
            var rolledBack = counts.GetValueOrDefault(DeploymentState.RolledBack);
            if (rolledBack - wave.AcceptedFailures > rollout.MaxFailureShare * total)
            {
                Set(db, rollout, wave, WaveState.Halted);
                Apply(db, rollout, RolloutEvent.GateFailed, await WhyHaltedAsync(db, rollout, wave, rolledBack, total, cancellation));
                await WithdrawAsync(db, rollout, changed, cancellation);
                break;
            }
            var finished = rolledBack + counts.GetValueOrDefault(DeploymentState.Committed);
            if (finished < total || wave.State == WaveState.Pending)
                break;
            Set(db, rollout, wave, WaveState.Done);
        }
        return changed;
    }

    /// <summary>Applies what an operator asks for.</summary>
    /// <exception cref="RefusedException">409: it does not fit the rollout's state.</exception>
    public async Task<HashSet<DeviceId>> ActAsync(FleetDatabase db, RolloutRow rollout, RolloutEvent action, CancellationToken cancellation)
    {
        if (RolloutTransitions.Next(rollout.State, action) is null)
            throw RefusedException.Conflict($"rollout {rollout.Id} is {Word(rollout.State)}: {Word(action)} does not apply; start a new rollout instead");
        if (rollout.State == RolloutState.Halted && action == RolloutEvent.Resume)
            await AcceptFailuresAsync(db, rollout, cancellation);
        Apply(db, rollout, action, action switch
        {
            RolloutEvent.Abort => "aborted by the operator; devices that had not committed go back",
            RolloutEvent.Pause => "paused by the operator; devices that were told before go on",
            _ => null,
        });
        var changed = await AdvanceAsync(db, rollout, cancellation);
        if (action == RolloutEvent.Abort)
        {
            foreach (var wave in rollout.Waves.Where(w => w.State == WaveState.Running))
                Set(db, rollout, wave, WaveState.Halted);
            await WithdrawAsync(db, rollout, changed, cancellation);
        }
        return changed;
    }

    /// <summary>Changes the state by the table.</summary>
    public void Apply(FleetDatabase db, RolloutRow rollout, RolloutEvent happened, string? reason)
    {
        rollout.State = RolloutTransitions.Next(rollout.State, happened)
            ?? throw new InvalidOperationException($"{happened} does not apply to a rollout that is {rollout.State}");
        rollout.Reason = reason;
        var state = rollout.State;
        db.AfterCommit.Add(() => log.RolloutIs(rollout.Id, rollout.Model, state, reason));
    }

    private void Set(FleetDatabase db, RolloutRow rollout, RolloutWaveRow wave, WaveState state)
    {
        if (wave.State == state)
            return;
        wave.State = state;
        db.AfterCommit.Add(() => log.WaveIs(rollout.Id, wave.Index + 1, state));
    }

    /// <summary>Tells the devices of a wave that have not been told yet.</summary>
    private static async Task ReleaseAsync(FleetDatabase db, RolloutRow rollout, RolloutWaveRow wave, HashSet<DeviceId> changed, CancellationToken cancellation)
    {
        var waiting = await db.RolloutDevices
            .Where(d => d.Rollout == rollout.Id && d.Wave == wave.Index && d.ReleasedRevision == null).ToListAsync(cancellation);
        foreach (var device in waiting)
        {
            var choice = rollout.Choices.Single(c => c.Profile == device.Profile);
            // Told again after a halt, it keeps what it ran before the rollout.
            if (device.PreviousDigest is null && await db.Desired.FindAsync([device.Device, rollout.Model], cancellation) is { } before)
                (device.PreviousDigest, device.PreviousRollout) = (before.Digest, before.Rollout);
            device.ReleasedRevision = await DesiredStates.SetAsync(db, device.Device, rollout.Model, (choice.Digest, rollout.Id), cancellation);
            changed.Add(device.Device);
        }
    }

    /// <summary>Takes the package back from every device that has not committed it.</summary>
    private static async Task WithdrawAsync(FleetDatabase db, RolloutRow rollout, HashSet<DeviceId> changed, CancellationToken cancellation)
    {
        var told = await db.RolloutDevices
            .Where(d => d.Rollout == rollout.Id && d.ReleasedRevision != null && d.State != DeploymentState.Committed).ToListAsync(cancellation);
        foreach (var device in told)
        {
            if (await db.Desired.FindAsync([device.Device, rollout.Model], cancellation) is not { } row || row.Rollout != rollout.Id)
                continue;
            (Contracts.Artifacts.Sha256Digest, string)? previous =
                device is { PreviousDigest: { } digest, PreviousRollout: { } before } ? (digest, before) : null;
            await DesiredStates.SetAsync(db, device.Device, rollout.Model, previous, cancellation);
            changed.Add(device.Device);
        }
    }

    /// <summary>What failed stays as it is; what was taken back from devices that were under way is offered to them again.</summary>
    private async Task AcceptFailuresAsync(FleetDatabase db, RolloutRow rollout, CancellationToken cancellation)
    {
        foreach (var wave in rollout.Waves.Where(w => w.State == WaveState.Halted))
        {
            wave.AcceptedFailures = await db.RolloutDevices.CountAsync(
                d => d.Rollout == rollout.Id && d.Wave == wave.Index && d.State == DeploymentState.RolledBack, cancellation);
            Set(db, rollout, wave, WaveState.Running);
        }
        var unfinished = await db.RolloutDevices
            .Where(d => d.Rollout == rollout.Id && d.State != DeploymentState.Committed && d.State != DeploymentState.RolledBack).ToListAsync(cancellation);
        foreach (var device in unfinished)
            (device.ReleasedRevision, device.State, device.Reason) = (null, DeploymentState.Idle, null);
    }

    private static async Task<string> OutcomeAsync(FleetDatabase db, RolloutRow rollout, CancellationToken cancellation)
    {
        var states = await db.RolloutDevices.Where(d => d.Rollout == rollout.Id).Select(d => d.State).ToListAsync(cancellation);
        var rolledBack = states.Count(s => s == DeploymentState.RolledBack);
        return states.Count == 0 ? "there are no devices yet; those that enrol later join"
            : rolledBack == 0 ? $"all {states.Count} devices committed"
            : $"{states.Count - rolledBack} devices committed, {rolledBack} rolled back, which the request allows";
    }

    private static async Task<string> WhyHaltedAsync(FleetDatabase db, RolloutRow rollout, RolloutWaveRow wave, int rolledBack, int total, CancellationToken cancellation)
    {
        var example = await db.RolloutDevices
            .Where(d => d.Rollout == rollout.Id && d.Wave == wave.Index && d.State == DeploymentState.RolledBack)
            .OrderBy(d => d.Device).Select(d => new { d.Device, d.Reason }).FirstAsync(cancellation);
        return FormattableString.Invariant(
            $"wave {wave.Index + 1}: {rolledBack} of {total} devices rolled back ({rollout.MaxFailureShare * 100:0.#} % are allowed), such as {example.Device}: {example.Reason ?? "no reason given"}");
    }

    private static string Word(Enum value) => value.ToString().ToLowerInvariant();
}
