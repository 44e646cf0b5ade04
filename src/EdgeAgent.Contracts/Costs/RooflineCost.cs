using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Contracts.Costs;

/// <summary>
/// Starting values from what devices of a profile measured of themselves, until they report latencies: the published
/// values, each term scaled by what the profile says of the core or the memory over what was measured.
/// </summary>
public static class RooflineCost
{
    // A board that differs by more than this from its profile was measured wrongly, or is another board.
    private const double MaxFactor = 10;

    /// <param name="profile">The board.</param>
    /// <param name="rooflines">Of devices of the profile; those with figures that cannot be are left out.</param>
    /// <param name="threads">At most the board's cores count.</param>
    /// <returns><see cref="PublishedCost"/> where nothing usable was measured.</returns>
    public static CostModel Of(DeviceProfile profile, IReadOnlyList<RooflineReport> rooflines, int threads = 1)
    {
        var published = PublishedCost.Of(profile, threads: threads);
        // Devices with other kernels are other machines to a cost model: those of the most frequent set count.
        if (rooflines.Where(IsPossible).GroupBy(r => r.KernelSet, StringComparer.Ordinal)
            .OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).FirstOrDefault()?.ToList() is not { } measured)
            return published;
        var core = Factor(profile.Cpu.Int8MacsPerCycle.Value * profile.Cpu.ClockGhz.Value, measured, r => r.Int8GigaMacs);
        var memory = Factor(profile.Memory.CopyGBps.Value, measured, r => r.CopyGBps);
        return published with
        {
            UsPerUnit = [.. published.UsPerUnit.Select((us, term) => us * ((CostTerm)term is CostTerm.ActivationBytes or CostTerm.WeightBytes ? memory : core))],
            KernelSet = measured[0].KernelSet,
            Rooflines = measured.Count,
        };
    }

    private static double Factor(double stated, List<RooflineReport> measured, Func<RooflineReport, double> figure)
    {
        var values = measured.Select(figure).Order().ToArray();
        var median = (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
        return Math.Clamp(stated / median, 1 / MaxFactor, MaxFactor);
    }

    private static bool IsPossible(RooflineReport r) => r.Int8GigaMacs > 0 && double.IsFinite(r.Int8GigaMacs) && r.CopyGBps > 0 && double.IsFinite(r.CopyGBps);
}
