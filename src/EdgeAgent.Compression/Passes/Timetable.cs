namespace EdgeAgent.Compression.Passes;

/// <summary>When, on the run's clock, a training ends; the rest is for writing and proving files.</summary>
/// <param name="MainEnd">Of the training of all students together.</param>
/// <param name="FinishEnd">Of the students' quantization-aware training.</param>
public sealed record Timetable(TimeSpan MainEnd, TimeSpan FinishEnd)
{
    /// <summary>Share of the training that all students have together; the others have it one by one.</summary>
    private const double MainShare = 0.85;

    /// <param name="budget">Of the whole run.</param>
    /// <param name="closingSeconds">What comes after training. At most half the budget is kept for it: a run that only tests is of no use.</param>
    public static Timetable Of(TimeSpan budget, double closingSeconds)
    {
        var end = TrainingEnd(budget, closingSeconds);
        return new Timetable(end * MainShare, end);
    }

    /// <inheritdoc cref="Of"/>
    public static TimeSpan TrainingEnd(TimeSpan budget, double closingSeconds) => budget - TimeSpan.FromSeconds(Math.Min(closingSeconds, budget.TotalSeconds / 2));
}
