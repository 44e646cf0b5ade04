using EdgeAgent.Device.Hardware;

namespace EdgeAgent.Device.Benchmark;

/// <summary>Watches one measurement on one thread and says afterwards what disturbed it.</summary>
internal sealed class Disturbance
{
    /// <summary>Share of the window that the thread may wait for a core.</summary>
    private const double MaxWaitShare = 0.05;

    /// <summary>Share of all cores' time that a hypervisor may take.</summary>
    private const double MaxStealShare = 0.02;

    /// <summary>Fraction by which the clock may fall.</summary>
    private const double MaxClockDrop = 0.1;

    private readonly ProcessFigures _figures;
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly long? _waitNs;
    private readonly (long Steal, long Total)? _ticks;
    private readonly long? _throttles;
    private readonly long? _clockKhz;

    /// <summary>Begins to watch; call on the measuring thread, and <see cref="Reasons"/> too.</summary>
    public Disturbance(ProcessFigures figures, TimeProvider time)
    {
        (_figures, _time) = (figures, time);
        _clockKhz = figures.ClockKhz();
        _throttles = figures.ThrottleCount();
        _ticks = figures.CpuTicks();
        _waitNs = figures.ThreadWaitNs();
        _start = time.GetTimestamp();
    }

    /// <summary>One line for each disturbance since the beginning; none for a clean measurement.</summary>
    public IReadOnlyList<string> Reasons()
    {
        List<string> reasons = [];
        var elapsed = _time.GetElapsedTime(_start);
        if (_figures.ThreadWaitNs() - _waitNs is { } wait && wait / 1e9 > MaxWaitShare * elapsed.TotalSeconds)
            reasons.Add(FormattableString.Invariant($"other load: waited for a core {wait / 1e7 / elapsed.TotalSeconds:F0} % of the time"));
        if (_figures.CpuTicks() is { } ticks && _ticks is { } before && ticks.Total > before.Total
            && (double)(ticks.Steal - before.Steal) / (ticks.Total - before.Total) is var steal and > MaxStealShare)
            reasons.Add(FormattableString.Invariant($"the hypervisor took {steal * 100:F0} % of the processor"));
        if (_figures.ClockKhz() is { } clock && _clockKhz is { } clockBefore && clock < clockBefore * (1 - MaxClockDrop))
            reasons.Add(FormattableString.Invariant($"the clock fell from {clockBefore / 1000} MHz to {clock / 1000} MHz"));
        if (_figures.ThrottleCount() > _throttles)
            reasons.Add("the processor was throttled for heat");
        return reasons;
    }
}
