using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Recompression;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Reports;

/// <summary>Stores events of devices exactly once, and tells the device when they are safe.</summary>
internal sealed class ReportIntake(FleetStore store, DeviceOutbox outbox, CostModelRefit refit, TimeProvider time, ILogger<ReportIntake> log)
{
    /// <exception cref="DocumentException">The batch breaks a bound.</exception>
    public async Task StoreAsync(DeviceId device, ReportBatch batch, CancellationToken cancellation)
    {
        Check(batch);
        var spool = batch.Events[0].SpoolId;
        long first = batch.Events[0].Sequence, last = batch.Events[^1].Sequence;
        var stored = await store.WriteAsync(async db =>
        {
            var owner = await db.Devices.FirstOrDefaultAsync(d => d.Id == device, cancellation);
            if (owner is null)
                return null;
            owner.LastSeen = time.GetUtcNow();
            var known = await db.Reports
                .Where(r => r.Device == device && r.SpoolId == spool && r.Sequence >= first && r.Sequence <= last)
                .Select(r => r.Sequence).ToHashSetAsync(cancellation);
            var rows = batch.Events.Where(e => !known.Contains(e.Sequence)).Select(e => Row(owner, e)).ToList();
            db.Reports.AddRange(rows);
            return rows;
        }, cancellation);
        if (stored is null)
            return;
        log.ReportsStored(device, batch.Events.Count, stored.Count);
        refit.Request(stored.Where(r => r.FitProfile is not null)
            .Select(r => new CostGroup(r.FitProfile!, r.Engine!.Value, r.KernelSet!, r.Threads!.Value)).ToHashSet());
        var acknowledgement = new DeviceCommand { Kind = DeviceCommandKind.AcknowledgeReports, SpoolId = spool, Sequence = last };
        await outbox.PublishCommandAsync(device, JsonSerializer.SerializeToUtf8Bytes(acknowledgement, ContractsJson.Default.DeviceCommand), cancellation);
    }

    private static void Check(ReportBatch batch)
    {
        if (batch.Events.Count is 0 or > ReportBatch.MaxEvents || batch.Events.Any(e => e is null))
            throw new DocumentException($"a batch has 1 to {ReportBatch.MaxEvents} events");
        var spool = batch.Events[0].SpoolId;
        if (spool.Length is 0 or > 64 || batch.Events.Any(e => e.SpoolId != spool))
            throw new DocumentException("the events of a batch have to come from one spool, whose id has 1 to 64 characters");
        if (batch.Events[0].Sequence < 0 || batch.Events.Zip(batch.Events.Skip(1)).Any(pair => pair.First.Sequence >= pair.Second.Sequence))
            throw new DocumentException("the sequence numbers of a batch have to rise, from 0");
        if (batch.Events.Any(e => e.Benchmark is { } b && (b.Threads is < 1 or > 1024 || b.KernelSet.Length > 32 || b.Model.Length > 64 || b.Profile.Length > 64)))
            throw new DocumentException("a benchmark breaks a bound: 1 to 1024 threads, kernel set up to 32 characters, names up to 64");
    }

    private ReportRow Row(DeviceRow owner, ReportEvent reported)
    {
        var row = new ReportRow
        {
            Device = owner.Id,
            SpoolId = reported.SpoolId,
            Sequence = reported.Sequence,
            Received = time.GetUtcNow(),
            Model = reported.Benchmark?.Model ?? reported.Deployment?.Model,
            Json = JsonSerializer.Serialize(reported, ContractsJson.Default.ReportEvent),
        };
        if (reported.Benchmark is { } benchmark && CountsForCostModel(owner, benchmark))
        {
            row.FitProfile = benchmark.Profile;
            row.Engine = benchmark.Engine;
            row.KernelSet = benchmark.KernelSet;
            row.Threads = benchmark.Threads;
            row.Digest = benchmark.Digest;
            row.P50Us = benchmark.Latency.P50Us;
        }
        return row;
    }

    /// <summary>
    /// Only what the profile's own board measured, undisturbed, of a model that served. A device that enrolled as
    /// emulated stays so, whatever its reports say.
    /// </summary>
    private static bool CountsForCostModel(DeviceRow owner, BenchmarkReport report) =>
        report is { Emulated: false, Phase: BenchmarkPhase.Serving, Latency.Valid: true }
        && !owner.Emulated
        && report.Profile == owner.Profile
        && double.IsFinite(report.Latency.P50Us) && report.Latency.P50Us > 0;
}
