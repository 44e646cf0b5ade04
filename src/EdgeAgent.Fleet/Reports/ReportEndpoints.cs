using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Reports;

internal static class ReportEndpoints
{
    private const int DefaultLimit = 100, MaxLimit = 1000;

    public static void MapReports(this IEndpointRouteBuilder routes) =>
        routes.MapGet(FleetRoutes.Reports, (string? device, string? model, int? limit, FleetStore store, CancellationToken cancellation) =>
            ListAsync(store, device, model, limit ?? DefaultLimit, cancellation))
            .WithSummary("Events of devices, newest first.").WithTags("reports");

    private static async Task<IReadOnlyList<StoredReport>> ListAsync(FleetStore store, string? device, string? model, int limit, CancellationToken cancellation)
    {
        if (limit is < 1 or > MaxLimit)
            throw RefusedException.BadRequest($"limit has to be 1 to {MaxLimit}");
        var rows = await store.ReadAsync(db =>
        {
            var query = db.Reports.AsQueryable();
            if (device is not null)
                query = query.Where(r => r.Device == Id(device));
            if (model is not null)
                query = query.Where(r => r.Model == model);
            return query.OrderByDescending(r => r.Id).Take(limit).Select(r => new { r.Device, r.Received, r.Json }).ToListAsync(cancellation);
        }, cancellation);
        return [.. rows.Select(r => new StoredReport(r.Device, r.Received, JsonSerializer.Deserialize(r.Json, ContractsJson.Default.ReportEvent)!))];
    }

    private static DeviceId Id(string text) => DeviceId.TryParse(text, out var id)
        ? id
        : throw RefusedException.BadRequest("device: an id is 1 to 64 of a-z, 0-9, '.', '_', '-'");
}
