using System.Text.Json;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Recompression;

/// <summary>
/// The cost models that the controller knows: fitted ones where devices reported latencies, elsewhere starting values from
/// the peaks that devices measured or, before there is a device, from the profile alone.
/// </summary>
internal static class CostModels
{
    // Enough for a median, and a bound on what one prediction reads.
    private const int MaxRooflines = 100;

    /// <summary>The model that choices are made by: the fitted one with most models behind it, else the starting values.</summary>
    public static async Task<CostModel> InForceAsync(FleetDatabase db, DeviceProfile profile, EngineKind engine, CancellationToken cancellation) =>
        (await FittedAsync(db, profile.Id, cancellation)).Find(m => m.Engine == engine)
        ?? await StartingAsync(db, profile, engine, kernelSet: null, threads: 1, cancellation);

    /// <summary>What a profile is predicted by before its reports, and what a fit to them starts from.</summary>
    /// <param name="kernelSet">Only devices with these kernels count; null for the most frequent.</param>
    public static async Task<CostModel> StartingAsync(FleetDatabase db, DeviceProfile profile, EngineKind engine, string? kernelSet, int threads, CancellationToken cancellation)
    {
        // The peaks are those of the int8 engine's kernels and say nothing of another engine's.
        if (engine != EngineKind.Int8)
            return PublishedCost.Of(profile, threads: threads) with { Engine = engine };
        var hardware = await db.Devices.AsNoTracking().Where(d => d.Profile == profile.Id && !d.Emulated).OrderBy(d => d.Id)
            .Select(d => d.HardwareJson).Take(MaxRooflines).ToListAsync(cancellation);
        var rooflines = hardware.Select(json => JsonSerializer.Deserialize(json, ContractsJson.Default.HardwareReport)?.Roofline)
            .OfType<RooflineReport>().Where(r => kernelSet is null || r.KernelSet == kernelSet).ToList();
        return RooflineCost.Of(profile, rooflines, threads) with { Engine = engine };
    }

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
        : model.Rooflines > 0
        ? FormattableString.Invariant($"latency by the published cost model at the peaks that {model.Rooflines} {(model.Rooflines == 1 ? "device" : "devices")} measured (no reports yet)")
        : "latency by the published cost model (no reports yet)";
}
