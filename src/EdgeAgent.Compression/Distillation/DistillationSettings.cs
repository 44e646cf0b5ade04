namespace EdgeAgent.Compression.Distillation;

/// <summary>The main training of all students: one cycle of the rate, in which they first share their weights and then each has its own.</summary>
public static class DistillationSettings
{
    /// <summary>Share of the cycle in which weights are shared.</summary>
    public const double SharedShare = 0.7;

    /// <summary>Peak rate at a batch of 256; smaller batches take proportionally smaller steps.</summary>
    private const double PeakRate = 0.2, RateBatch = 256;

    private const double Decay = 5e-4, Clip = 5;

    /// <param name="mainSteps">Of both parts, in place of the deadline.</param>
    public static TrainingPlan Shared(int batchSize, TimeSpan deadline, long? mainSteps) =>
        Plan("distil", batchSize, 0, SharedShare, deadline, SharedSteps(mainSteps));

    /// <inheritdoc cref="Shared"/>
    public static TrainingPlan Separate(int batchSize, TimeSpan deadline, long? mainSteps) =>
        Plan("specialize", batchSize, SharedShare, 1, deadline, mainSteps - SharedSteps(mainSteps));

    /// <summary>A cycle of its own in which weights are shared to the end, for comparing students before the main training.</summary>
    public static TrainingPlan Trial(string pass, int batchSize, TimeSpan deadline, long? steps) => Plan(pass, batchSize, 0, 1, deadline, steps);

    private static long? SharedSteps(long? mainSteps) => mainSteps is { } steps ? (long)Math.Ceiling(steps * SharedShare) : null;

    private static TrainingPlan Plan(string pass, int batchSize, double from, double to, TimeSpan deadline, long? steps) =>
        new(pass, batchSize, new OneCycle(PeakRate * Math.Min(1, batchSize / RateBatch), From: from, To: to), Decay, Clip, deadline, steps);
}
