using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.Fleet;

/// <summary>Brings back what the fleet has measured: this closes the loop.</summary>
internal static class FittedCosts
{
    /// <summary>
    /// For each profile the model fitted to the most devices' reports, where there is one, else the starting values at the
    /// peaks that its devices measured.
    /// </summary>
    /// <param name="fleet">The controller.</param>
    /// <param name="profiles">Boards to ask for.</param>
    /// <param name="note">Is told what each profile's predictions rest on.</param>
    public static async Task<IReadOnlyDictionary<string, CostModel>> FetchAsync(FleetClient fleet, IReadOnlyList<DeviceProfile> profiles, Action<string> note, CancellationToken cancellation)
    {
        var fitted = new Dictionary<string, CostModel>(StringComparer.Ordinal);
        foreach (var profile in profiles)
        {
            var models = await fleet.CostModelsAsync(profile.Id, cancellation);
            // The controller lists the best founded first; predictions are about one thread.
            var usable = models.Where(m => m.Source == CostSource.Fitted && m.Engine == profile.Int8.Engine && m.Precision == "int8").ToList();
            if ((usable.Find(m => m.Threads == 1) ?? usable.FirstOrDefault()) is not { } model)
            {
                if (models.FirstOrDefault(m => m is { Rooflines: > 0, Source: CostSource.Published } && m.Engine == profile.Int8.Engine) is { } starting)
                {
                    fitted[profile.Id] = starting;
                    note($"{profile.Id}: no device has reported a latency yet; latencies are predicted from published figures at the peaks that {starting.Rooflines} devices measured");
                    continue;
                }
                note($"{profile.Id}: no device has reported yet; latencies are predicted from published figures");
                continue;
            }
            fitted[profile.Id] = model;
            var error = model.MedianError is { } median ? Units.Text($", median error {median * 100:0.0} %") : "";
            note(Units.Text($"{profile.Id}: cost model fitted to {model.Samples} measured models{error}"));
        }
        return fitted;
    }
}
