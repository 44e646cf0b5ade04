using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Fleet.Artifacts;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Hosting;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Recompression;

/// <summary>Measurements that one cost model explains: the same board, engine, kernels and number of threads.</summary>
internal readonly record struct CostGroup(string Profile, EngineKind Engine, string KernelSet, int Threads);

/// <summary>
/// Refits cost models when reports have come. Requests for the same group are served by one fit; at a start all groups
/// are fitted again, as a crash may have come between report and fit.
/// </summary>
internal sealed class CostModelRefit(FleetStore store, TimeProvider time, ILogger<CostModelRefit> log) : BackgroundService
{
    // The newest reports of a group: enough for every model's median, and a bound on what a fit reads.
    private const int MaxReports = 10_000;

    private readonly Lock _lock = new();
    private readonly HashSet<CostGroup> _pending = [];
    private readonly SemaphoreSlim _requested = new(0);
    private TaskCompletionSource _settled = NewSettled();

    public void Request(IReadOnlyCollection<CostGroup> groups)
    {
        if (groups.Count == 0)
            return;
        lock (_lock)
        {
            _pending.UnionWith(groups);
            if (_settled.Task.IsCompleted)
                _settled = NewSettled();
        }
        _requested.Release();
    }

    /// <summary>Refits everything that reports of a profile belong to: the profile has changed.</summary>
    public async Task RequestProfileAsync(string profile, CancellationToken cancellation) =>
        Request(await store.ReadAsync(db => GroupsAsync(db.Reports.Where(r => r.FitProfile == profile), cancellation), cancellation));

    /// <summary>Completes when every report that is stored now has been fitted.</summary>
    public Task SettledAsync(CancellationToken cancellation)
    {
        lock (_lock)
            return _settled.Task.WaitAsync(cancellation);
    }

    public override void Dispose()
    {
        _requested.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Request([.. await store.ReadAsync(db => GroupsAsync(db.Reports.Where(r => r.FitProfile != null), stoppingToken), stoppingToken)]);
        while (true)
        {
            if (Next() is not { } group)
            {
                await _requested.WaitAsync(stoppingToken);
                continue;
            }
            try
            {
                await RefitAsync(group, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The reports are safe; the next one, or the next start, tries again.
                log.RefitFailed(e);
            }
        }
    }

    private CostGroup? Next()
    {
        lock (_lock)
        {
            foreach (var group in _pending)
            {
                _pending.Remove(group);
                return group;
            }
            _settled.TrySetResult();
            return null;
        }
    }

    private async Task RefitAsync(CostGroup group, CancellationToken cancellation)
    {
        var (prior, medians, reports, manifests) = await store.ReadAsync(async db =>
        {
            var measured = await db.Reports
                .Where(r => r.FitProfile == group.Profile && r.Engine == group.Engine && r.KernelSet == group.KernelSet && r.Threads == group.Threads)
                .OrderByDescending(r => r.Id).Take(MaxReports)
                .Select(r => new { Digest = r.Digest!.Value, P50Us = r.P50Us!.Value }).ToListAsync(cancellation);
            var byModel = measured.GroupBy(r => r.Digest).ToDictionary(g => g.Key, g => Median([.. g.Select(r => r.P50Us)]));
            var packages = await db.Packages.Where(p => byModel.Keys.Contains(p.Digest)).OrderBy(p => p.Digest).ToListAsync(cancellation);
            var board = await ProfileCatalogue.FindAsync(db, group.Profile, cancellation);
            var starting = board is null ? null : await CostModels.StartingAsync(db, board, group.Engine, group.KernelSet, group.Threads, cancellation);
            return (starting, byModel, measured.Count, packages.ToDictionary(p => p.Digest, PackageStore.ManifestOf));
        }, cancellation);
        if (prior is null)
        {
            log.ProfileUnknown(group.Profile);
            return;
        }
        var samples = manifests.Select(m => new CostSample(m.Value.Operators, medians[m.Key])).ToList();
        if (samples.Count == 0)
            return;
        var fitted = CostFit.Fit(prior with { KernelSet = group.KernelSet }, samples);
        await store.WriteAsync(async db =>
        {
            var row = await db.CostModels.FindAsync([group.Profile, group.Engine, group.KernelSet, group.Threads], cancellation);
            if (row is null)
            {
                row = new CostModelRow { Profile = group.Profile, Engine = group.Engine, KernelSet = group.KernelSet, Threads = group.Threads, Fitted = default, Samples = 0, Reports = 0, Json = "" };
                db.CostModels.Add(row);
            }
            row.Fitted = time.GetUtcNow();
            row.Samples = samples.Count;
            row.Reports = reports;
            row.Json = JsonSerializer.Serialize(fitted, ContractsJson.Default.CostModel);
        }, cancellation);
        log.CostModelFitted(group.Profile, group.Engine, group.KernelSet, group.Threads, samples.Count, reports);
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return Statistics.Percentile(values, 0.5);
    }

    private static Task<List<CostGroup>> GroupsAsync(IQueryable<ReportRow> reports, CancellationToken cancellation) =>
        reports.Select(r => new { r.FitProfile, r.Engine, r.KernelSet, r.Threads }).Distinct()
            .Select(g => new CostGroup(g.FitProfile!, g.Engine!.Value, g.KernelSet!, g.Threads!.Value)).ToListAsync(cancellation);

    private static TaskCompletionSource NewSettled() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
