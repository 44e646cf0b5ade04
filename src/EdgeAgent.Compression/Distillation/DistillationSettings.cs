namespace EdgeAgent.Compression.Distillation;

/// <summary>The rates of joint training.</summary>
public static class DistillationSettings
{
    /// <summary>Peak rate at a batch of 256; smaller batches take proportionally smaller steps.</summary>
    private const double PeakRate = 0.2, RateBatch = 256;

    private const double Decay = 5e-4, Clip = 5;

    public static TrainingPlan Plan(int batchSize, TimeSpan deadline, long? fixedSteps = null) =>
        new("distil", batchSize, new OneCycle(PeakRate * Math.Min(1, batchSize / RateBatch)), Decay, Clip, deadline, fixedSteps);
}
