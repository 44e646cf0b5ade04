using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Fleet.Artifacts;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Recompression;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>Decides which package of a model a profile gets, by the cost model in force and the budgets.</summary>
internal sealed class StudentSelection(TimeProvider time)
{
    /// <summary>Profiles that the model has packages for, in ordinal order.</summary>
    public async Task<List<string>> ProfilesAsync(FleetDatabase db, string model, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        return await db.Packages.Where(p => p.Model == model && p.Expires > now).Select(p => p.Profile).Distinct().OrderBy(p => p).ToListAsync(cancellation);
    }

    /// <summary>The best student of the newest version that the profile has packages of.</summary>
    /// <exception cref="RefusedException">409: the profile is not known here, so that nothing can be predicted.</exception>
    public async Task<RolloutChoiceRow> ChooseAsync(FleetDatabase db, string rollout, string model, string profileId, ProfileBudgets asked, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var packages = await db.Packages.Include(p => p.Files)
            .Where(p => p.Model == model && p.Profile == profileId && p.Expires > now)
            .OrderByDescending(p => p.Version).ThenBy(p => p.Digest).ToListAsync(cancellation);
        packages.RemoveAll(p => p.Version < packages[0].Version);
        var profile = await ProfileCatalogue.FindAsync(db, profileId, cancellation)
            ?? throw RefusedException.Conflict($"the profile {profileId} is not known here, so that no student can be chosen for it; PUT it to /api/profiles/{profileId}, or name a package under picks");

        var candidates = new Dictionary<string, (PackageRow Package, StudentCandidate Candidate, CostModel Cost)>();
        foreach (var package in packages)
        {
            var manifest = PackageStore.ManifestOf(package);
            var cost = await CostModels.InForceAsync(db, profile, manifest.Engine, cancellation);
            var predictedUs = cost.PredictUs(manifest.Operators);
            var modelBytes = manifest.File(manifest.Engine == EngineKind.Int8 ? FileRoles.Plan : FileRoles.Onnx)?.Size ?? package.Bytes;
            // Two uploads of the same student: the first in order counts.
            candidates.TryAdd(package.Student, (package, new StudentCandidate(package.Student, package.Accuracy, modelBytes, predictedUs, cost.EstimateMj(predictedUs)), cost));
        }
        var choice = StudentChoice.Of([.. candidates.Values.Select(c => c.Candidate)], asked.Over(profile.Budgets));
        var (chosen, _, costInForce) = candidates[choice.Chosen.Student];
        return new RolloutChoiceRow
        {
            Rollout = rollout,
            Profile = profileId,
            Digest = chosen.Digest,
            Student = chosen.Student,
            PredictedUs = choice.Chosen.PredictedUs,
            Reason = $"{choice.Reason}; {CostModels.Describe(costInForce)}",
        };
    }

    /// <summary>The package that the user picked for a profile.</summary>
    /// <exception cref="RefusedException">400: it is not a package of this model and profile, or has expired.</exception>
    public async Task<RolloutChoiceRow> PickAsync(FleetDatabase db, string rollout, string model, string profileId, Sha256Digest digest, CancellationToken cancellation)
    {
        var package = await db.Packages.FirstOrDefaultAsync(p => p.Digest == digest, cancellation)
            ?? throw RefusedException.BadRequest($"picks: there is no package {digest} here; upload it first");
        if (package.Model != model || package.Profile != profileId)
            throw RefusedException.BadRequest($"picks: package {digest} is of {package.Model} for {package.Profile}, not of {model} for {profileId}");
        if (package.Expires <= time.GetUtcNow())
            throw RefusedException.BadRequest($"picks: package {digest} has expired; sign it again with 'edgectl package sign'");
        var manifest = PackageStore.ManifestOf(package);
        var profile = await ProfileCatalogue.FindAsync(db, profileId, cancellation);
        var predictedUs = profile is null
            ? manifest.PredictedUs ?? 0
            : (await CostModels.InForceAsync(db, profile, manifest.Engine, cancellation)).PredictUs(manifest.Operators);
        return new RolloutChoiceRow { Rollout = rollout, Profile = profileId, Digest = digest, Student = package.Student, PredictedUs = predictedUs, Reason = "picked by the operator" };
    }
}
