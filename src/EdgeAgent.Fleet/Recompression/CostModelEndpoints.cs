using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;

namespace EdgeAgent.Fleet.Recompression;

internal static class CostModelEndpoints
{
    public static void MapCostModels(this IEndpointRouteBuilder routes) =>
        routes.MapGet(FleetRoutes.CostModels + "/{profile}", async (string profile, FleetStore store, CostModelRefit refit, CancellationToken cancellation) =>
        {
            await refit.SettledAsync(cancellation);
            return await store.ReadAsync(db => ListAsync(db, profile, cancellation), cancellation);
        }).WithSummary("Cost models of a profile: fitted ones first, then the starting values.").WithTags("cost models")
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IReadOnlyList<CostModel>> ListAsync(FleetDatabase db, string id, CancellationToken cancellation)
    {
        var models = await CostModels.FittedAsync(db, id, cancellation);
        if (await ProfileCatalogue.FindAsync(db, id, cancellation) is { } profile)
            models.AddRange([await CostModels.StartingAsync(db, profile, profile.Int8.Engine, kernelSet: null, threads: 1, cancellation), PublishedCost.Of(profile, "float32")]);
        return models.Count > 0
            ? models
            : throw RefusedException.NotFound($"no profile '{id}' is known here; PUT it to /api/profiles/{id}");
    }
}
