namespace EdgeAgent.Device.Power;

/// <summary>How energy is measured where a sensor can be read.</summary>
/// <param name="Window">Length of one window; at least ten seconds for figures that anybody should trust.</param>
/// <param name="Windows">Number of windows; the median counts.</param>
/// <param name="MaxIdleDrift">Idle power after may differ from idle power before by this fraction.</param>
internal sealed record EnergyOptions(TimeSpan Window, int Windows, double MaxIdleDrift)
{
    public static EnergyOptions Default { get; } = new(TimeSpan.FromSeconds(10), 5, 0.2);
}
