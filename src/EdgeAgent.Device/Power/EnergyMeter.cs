using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Device.Power;

/// <summary>
/// Energy of one inference: idle window, windows of back-to-back inferences, idle window. Never from a single inference.
/// </summary>
internal sealed class EnergyMeter(RaplSensor sensor, EnergyOptions options, TimeProvider time)
{
    /// <param name="inference">Runs one inference.</param>
    /// <param name="cancellation">Ends the measurement.</param>
    /// <returns>The reading, or null with the reason why it is not to be trusted.</returns>
    public async Task<(EnergyReading? Reading, string? Rejected)> MeasureAsync(Action inference, CancellationToken cancellation)
    {
        var idleBefore = await IdleWattsAsync(cancellation);
        List<double> grossMj = [], netMj = [];
        for (var i = 0; i < options.Windows; i++)
        {
            var window = Window(inference, cancellation);
            grossMj.Add(window.Mj / window.Inferences);
            netMj.Add((window.Mj - idleBefore * window.Seconds * 1000) / window.Inferences);
        }
        var idleAfter = await IdleWattsAsync(cancellation);
        if (Math.Abs(idleAfter - idleBefore) > options.MaxIdleDrift * Math.Max(idleBefore, idleAfter))
            return (null, FormattableString.Invariant($"idle power drifted from {idleBefore:F2} W to {idleAfter:F2} W"));

        grossMj.Sort();
        netMj.Sort();
        return (new EnergyReading(
            Statistics.Percentile([.. grossMj], 0.5),
            Statistics.Percentile([.. netMj], 0.5),
            EnergySource.Measured,
            RaplSensor.Name,
            grossMj[^1] - grossMj[0]), null);
    }

    /// <summary>The estimate of a device without a sensor, labelled so: latency times the active power of its profile.</summary>
    public static EnergyReading Estimate(double latencyUs, double activeW) => new(latencyUs * activeW / 1000, null, EnergySource.Estimated, null, null);

    private async Task<double> IdleWattsAsync(CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        var before = sensor.Read();
        await Task.Delay(options.Window, time, cancellation);
        var after = sensor.Read();
        return sensor.BetweenMj(before, after) / 1000 / time.GetElapsedTime(start).TotalSeconds;
    }

    private (double Mj, double Seconds, long Inferences) Window(Action inference, CancellationToken cancellation)
    {
        long inferences = 0;
        var start = time.GetTimestamp();
        var before = sensor.Read();
        TimeSpan elapsed;
        do
        {
            cancellation.ThrowIfCancellationRequested();
            inference();
            inferences++;
            elapsed = time.GetElapsedTime(start);
        }
        while (elapsed < options.Window);
        var after = sensor.Read();
        return (sensor.BetweenMj(before, after), time.GetElapsedTime(start).TotalSeconds, inferences);
    }
}
