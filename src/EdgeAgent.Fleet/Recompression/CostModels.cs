using System.Text.Json;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Recompression;

/// <summary>The cost models that the controller knows: fitted ones where devices reported, computed ones elsewhere.</summary>
internal static class CostModels
{
    /// <summary>The model that choices are made by: the fitted one with most models behind it, else the published one.</summary>
    public static async Task<CostModel> InForceAsync(FleetDatabase db, DeviceProfile profile, EngineKind engine, CancellationToken cancellation) =>
        (await FittedAsync(db, profile.Id, cancellation)).Find(m => m.Engine == engine)
        ?? PublishedCost.Of(profile) with { Engine = engine };

    /// <summary>Fitted models of a profile, the best founded first.</summary>
    public static async Task<List<CostModel>> FittedAsync(FleetDatabase db, string profile, CancellationToken cancellation)
    {
        var rows = await db.CostModels.AsNoTracking().Where(c => c.Profile == profile)
            .OrderByDescending(c => c.Samples).ThenByDescending(c => c.Reports).ThenBy(c => c.Threads).ThenBy(c => c.KernelSet)
            .Select(c => c.Json).ToListAsync(cancellation);
        return [.. rows.Select(json => JsonSerializer.Deserialize(json, ContractsJson.Default.CostModel)!)];
    }

    /// <summary>Where a prediction comes from, for people.</summary>
    public static string Describe(CostModel model) => model.Source == CostSource.Fitted
        ? FormattableString.Invariant($"latency by the cost model fitted to {model.Samples} reported models ({model.KernelSet}, {model.Threads} threads)")
        : "latency by the published cost model (no reports yet)";
}
