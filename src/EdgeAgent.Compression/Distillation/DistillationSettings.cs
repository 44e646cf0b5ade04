namespace EdgeAgent.Compression.Distillation;

/// <summary>The main training of all students: one cycle of the rate, in which they share their weights.</summary>
public static class DistillationSettings
{
    /// <summary>Peak rate at a batch of 256; smaller batches take proportionally smaller steps.</summary>
    private const double PeakRate = 0.2, RateBatch = 256;

    private const double Decay = 5e-4, Clip = 5;

    public static TrainingPlan Plan(string pass, int batchSize, TimeSpan deadline, long? steps) =>
        new(pass, batchSize, new OneCycle(PeakRate * Math.Min(1, batchSize / RateBatch)), Decay, Clip, deadline, steps);
}
