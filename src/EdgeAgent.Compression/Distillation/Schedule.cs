namespace EdgeAgent.Compression.Distillation;

/// <summary>From <paramref name="FromStep"/> on, progress runs evenly from <paramref name="FromProgress"/> to 1 at <paramref name="TotalSteps"/>.</summary>
public readonly record struct ScheduleSegment(long FromStep, double FromProgress, long TotalSteps);

/// <summary>
/// How far training is at a step. Planned from a measured rate and re-planned when the machine turns out faster or slower;
/// every plan is kept, so that a run that is resumed repeats what it did.
/// </summary>
public sealed class Schedule
{
    private readonly List<ScheduleSegment> _segments;

    public Schedule(long totalSteps) => _segments = [new(0, 0, Math.Max(1, totalSteps))];

    public Schedule(IEnumerable<ScheduleSegment> segments) => _segments = [.. segments];

    public IReadOnlyList<ScheduleSegment> Segments => _segments;

    public long TotalSteps => _segments[^1].TotalSteps;

    /// <summary>In [0, 1].</summary>
    public double ProgressAt(long step)
    {
        var segment = _segments.FindLast(s => s.FromStep <= step);
        var span = Math.Max(1, segment.TotalSteps - segment.FromStep);
        return Math.Clamp(segment.FromProgress + (1 - segment.FromProgress) * (step - segment.FromStep) / span, 0, 1);
    }

    /// <summary>Ends the training at another step, from <paramref name="step"/> on.</summary>
    public void Replan(long step, long totalSteps) => _segments.Add(new(step, ProgressAt(step), Math.Max(step + 1, totalSteps)));
}

/// <summary>One-cycle learning rate: a short linear rise, then a half cosine down to zero.</summary>
public readonly record struct OneCycle(double Peak, double Rise = 0.06)
{
    /// <param name="progress">Of the training, in [0, 1].</param>
    public double RateAt(double progress) => progress < Rise
        ? Peak * (0.05 + 0.95 * progress / Rise)
        : Peak * 0.5 * (1 + Math.Cos(Math.PI * (progress - Rise) / (1 - Rise)));
}
