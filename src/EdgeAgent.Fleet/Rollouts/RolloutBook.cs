using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Recompression;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>Rollouts as operators see them: start, look, pause, resume, abort.</summary>
internal sealed class RolloutBook(FleetStore store, StudentSelection selection, WaveRunner waves, DesiredStates desired, CostModelRefit refit, TimeProvider time)
{
    private const int MaxWaves = 16, MaxNamedDevices = 100_000;

    /// <exception cref="RefusedException">The request cannot be fulfilled; one line.</exception>
    public async Task<RolloutStatus> StartAsync(RolloutRequest request, CancellationToken cancellation)
    {
        Check(request);
        // Choose by every report that is stored.
        await refit.SettledAsync(cancellation);
        var now = time.GetUtcNow();
        var id = string.Create(CultureInfo.InvariantCulture, $"{now:yyyyMMdd-HHmmss}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}");
        var changed = await store.WriteAsync(async db =>
        {
            await RefuseSecondAsync(db, request.Model, id, cancellation);
            var withPackages = await selection.ProfilesAsync(db, request.Model, cancellation);
            if (withPackages.Count == 0)
                throw RefusedException.BadRequest($"there is no package of a model '{request.Model}' that has not expired; upload one with 'edgectl package upload'");
            var cohort = await CohortAsync(db, request, withPackages, cancellation);
            var rollout = new RolloutRow
            {
                Id = id,
                Model = request.Model,
                State = RolloutState.Running,
                Started = now,
                WholeFleet = request.Devices.Count == 0,
                MaxFailureShare = request.MaxFailureShare,
                Waves = [.. request.Waves.Select((share, i) => new RolloutWaveRow { Rollout = id, Index = i, Share = share, State = WaveState.Pending })],
                Choices = await ChoicesAsync(db, id, request, withPackages, cohort, cancellation),
            };
            db.Rollouts.Add(rollout);
            foreach (var profile in cohort.GroupBy(d => d.Profile))
                db.RolloutDevices.AddRange(Assign(id, [.. profile], request.Waves));
            return await waves.AdvanceAsync(db, rollout, cancellation);
        }, cancellation);
        await desired.PublishAsync(changed, cancellation);
        return await GetAsync(id, cancellation);
    }

    public async Task<RolloutStatus> ActAsync(string id, RolloutEvent action, CancellationToken cancellation)
    {
        var changed = await store.WriteAsync(async db =>
        {
            if (!await db.Rollouts.AnyAsync(r => r.Id == id, cancellation))
                throw NotFound();
            var rollout = await RolloutProgress.LoadAsync(db, id, cancellation);
            if (action == RolloutEvent.Resume)
                await RefuseSecondAsync(db, rollout.Model, id, cancellation);
            return await waves.ActAsync(db, rollout, action, cancellation);
        }, cancellation);
        await desired.PublishAsync(changed, cancellation);
        return await GetAsync(id, cancellation);
    }

    public async Task<RolloutStatus> GetAsync(string id, CancellationToken cancellation) =>
        (await ReadAsync(r => r.Id == id, cancellation)).FirstOrDefault() ?? throw NotFound();

    /// <summary>Newest first.</summary>
    public Task<IReadOnlyList<RolloutStatus>> ListAsync(CancellationToken cancellation) => ReadAsync(_ => true, cancellation);

    private static void Check(RolloutRequest request)
    {
        if (!DeviceId.TryParse(request.Model, out _))
            throw RefusedException.BadRequest("the model's name is not 1 to 64 of a-z, 0-9, '.', '_', '-'");
        if (request.Waves.Count is 0 or > MaxWaves || request.Waves[^1] != 1 || request.Waves.Zip(request.Waves.Skip(1)).Any(w => w.First >= w.Second) || !(request.Waves[0] > 0))
            throw RefusedException.BadRequest($"waves have to be 1 to {MaxWaves} rising shares above 0 of which the last is 1, such as [0.1, 1]");
        if (request.MaxFailureShare is not (>= 0 and <= 1))
            throw RefusedException.BadRequest("maxFailureShare has to be 0 to 1");
        if (request.Devices.Count > MaxNamedDevices)
            throw RefusedException.BadRequest($"at most {MaxNamedDevices} devices can be named; leave devices out for the whole fleet");
    }

    /// <summary>Two rollouts of one model would take devices from each other.</summary>
    private static async Task RefuseSecondAsync(FleetDatabase db, string model, string id, CancellationToken cancellation)
    {
        var other = await db.Rollouts.FirstOrDefaultAsync(
            r => r.Model == model && r.Id != id && (r.State == RolloutState.Running || r.State == RolloutState.Paused), cancellation);
        if (other is not null)
            throw RefusedException.Conflict($"rollout {other.Id} of {model} is {other.State.ToString().ToLowerInvariant()}; wait for it, or abort it");
    }

    private static async Task<List<DeviceRow>> CohortAsync(FleetDatabase db, RolloutRequest request, List<string> withPackages, CancellationToken cancellation)
    {
        if (request.Devices.Count == 0)
            return await db.Devices.AsNoTracking().Where(d => withPackages.Contains(d.Profile)).ToListAsync(cancellation);
        var named = request.Devices.Distinct().ToList();
        var found = await db.Devices.AsNoTracking().Where(d => named.Contains(d.Id)).ToListAsync(cancellation);
        if (found.Count < named.Count)
            throw RefusedException.BadRequest($"devices: {named.Except(found.Select(d => d.Id)).First()} is not enrolled here");
        if (found.Find(d => !withPackages.Contains(d.Profile)) is { } without)
            throw RefusedException.BadRequest($"devices: {without.Id} is a {without.Profile}, for which '{request.Model}' has no package; compress for that profile first");
        return found;
    }

    private async Task<List<RolloutChoiceRow>> ChoicesAsync(
        FleetDatabase db, string id, RolloutRequest request, List<string> withPackages, List<DeviceRow> cohort, CancellationToken cancellation)
    {
        var known = await db.Profiles.Select(p => p.Id).ToListAsync(cancellation);
        var inCohort = cohort.Select(d => d.Profile).ToHashSet();
        if (request.Picks.Keys.FirstOrDefault(p => !withPackages.Contains(p)) is { } unknown)
            throw RefusedException.BadRequest($"picks: '{request.Model}' has no package for a profile '{unknown}'");
        var choices = new List<RolloutChoiceRow>();
        foreach (var profile in withPackages)
        {
            if (request.Picks.TryGetValue(profile, out var digest))
                choices.Add(await selection.PickAsync(db, id, request.Model, profile, digest, cancellation));
            // Profiles without devices get a choice for those that enrol later, where one can be made.
            else if (inCohort.Contains(profile) || known.Contains(profile))
                choices.Add(await selection.ChooseAsync(db, id, request.Model, profile, request.Budgets, cancellation));
        }
        return choices;
    }

    /// <summary>Puts the devices of one profile into waves, in an order that only the rollout and the devices' ids decide.</summary>
    private static IEnumerable<RolloutDeviceRow> Assign(string rollout, List<DeviceRow> devices, IReadOnlyList<double> shares)
    {
        var order = devices.OrderBy(d => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{rollout}/{d.Id}"))), StringComparer.Ordinal).ToList();
        var next = 0;
        for (var wave = 0; wave < shares.Count; wave++)
        {
            // Rounded up, and at least one device a wave while there are any.
            var end = Math.Clamp((int)Math.Ceiling(shares[wave] * order.Count - 1e-9), Math.Min(next + 1, order.Count), order.Count);
            for (; next < end; next++)
                yield return new RolloutDeviceRow { Rollout = rollout, Device = order[next].Id, Profile = order[next].Profile, Wave = wave };
        }
    }

    private async Task<IReadOnlyList<RolloutStatus>> ReadAsync(System.Linq.Expressions.Expression<Func<RolloutRow, bool>> which, CancellationToken cancellation)
    {
        var (rollouts, devices) = await store.ReadAsync(async db =>
        {
            var rows = await db.Rollouts.Include(r => r.Waves).Include(r => r.Choices).AsSplitQuery().Where(which)
                .OrderByDescending(r => r.Started).ThenByDescending(r => r.Id).ToListAsync(cancellation);
            var ids = rows.Select(r => r.Id).ToList();
            return (rows, await db.RolloutDevices.Where(d => ids.Contains(d.Rollout)).OrderBy(d => d.Device).ToListAsync(cancellation));
        }, cancellation);
        var byWave = devices.ToLookup(d => (d.Rollout, d.Wave), d => new RolloutDevice(d.Device, d.Profile, d.State, d.Reason));
        return [.. rollouts.Select(r => new RolloutStatus
        {
            Id = r.Id,
            Model = r.Model,
            State = r.State,
            Reason = r.Reason,
            Started = r.Started,
            Waves = [.. r.Waves.OrderBy(w => w.Index).Select(w => new RolloutWave(w.Share, w.State, [.. byWave[(r.Id, w.Index)]]))],
            Choices = r.Choices.OrderBy(c => c.Profile, StringComparer.Ordinal)
                .ToDictionary(c => c.Profile, c => new RolloutChoice(c.Digest, c.Student, c.PredictedUs, c.Reason)),
        })];
    }

    private static RefusedException NotFound() => RefusedException.NotFound("there is no such rollout; list them with 'edgectl rollout status'");
}
