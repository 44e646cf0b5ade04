using EdgeAgent.Compression.Distillation;

namespace EdgeAgent.Compression.Passes;

/// <summary>When, on the run's clock, a training ends; the rest is for writing and proving files.</summary>
/// <param name="SharedEnd">Of the training with shared weights.</param>
/// <param name="MainEnd">Of that with each student's own.</param>
/// <param name="FinishEnd">Of the students' quantization-aware training.</param>
public sealed record Timetable(TimeSpan SharedEnd, TimeSpan MainEnd, TimeSpan FinishEnd)
{
    /// <summary>Share of the training that all students have together; the others have it one by one.</summary>
    private const double MainShare = 0.85;

    /// <param name="before">What is over when training begins.</param>
    /// <param name="budget">Of the whole run.</param>
    /// <param name="closingSeconds">What comes after training. At most half the budget is kept for it: a run that only tests is of no use.</param>
    public static Timetable Of(TimeSpan before, TimeSpan budget, double closingSeconds)
    {
        var end = TrainingEnd(budget, closingSeconds);
        var main = end * MainShare;
        return new Timetable(before + (main - before) * DistillationSettings.SharedShare, main, end);
    }

    /// <inheritdoc cref="Of"/>
    public static TimeSpan TrainingEnd(TimeSpan budget, double closingSeconds) => budget - TimeSpan.FromSeconds(Math.Min(closingSeconds, budget.TotalSeconds / 2));
}
