namespace EdgeAgent.Compression.Passes;

/// <summary>When, on the run's clock, joint training ends and when the students' finish ends; the rest is for writing and proving files.</summary>
public sealed record Timetable(TimeSpan JointEnd, TimeSpan FinishEnd)
{
    /// <summary>Share of the training that all students have together; the others have it one by one.</summary>
    private const double JointShare = 0.82;

    /// <param name="budget">Of the whole run.</param>
    /// <param name="closingSeconds">What comes after training. At most half the budget is kept for it: a run that only tests is of no use.</param>
    public static Timetable Of(TimeSpan budget, double closingSeconds)
    {
        var end = budget - TimeSpan.FromSeconds(Math.Min(closingSeconds, budget.TotalSeconds / 2));
        return new Timetable(end * JointShare, end);
    }
}
