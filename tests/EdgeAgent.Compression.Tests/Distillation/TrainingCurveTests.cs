using EdgeAgent.Compression.Distillation;

namespace EdgeAgent.Compression.Tests.Distillation;

public sealed class TrainingCurveTests
{
    [Theory]
    [InlineData(100)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(10_000)]
    [InlineData(100_000)]
    public void Add_OfAnyNumberOfSteps_StaysSmallAndKeepsEveryLoss(int steps)
    {
        var curve = new TrainingCurve();
        for (var step = 1; step <= steps; step++)
            curve.Add(step, step, 0.1, TimeSpan.FromSeconds(step));

        Assert.InRange(curve.Points.Count, Math.Min(steps, 128), 255);
        var interval = curve.State.Interval;
        // Each point is the mean of as many steps, the last of which it names.
        Assert.All(curve.Points.Select((p, i) => (p, i)), p => Assert.Equal(((p.i + 1) * interval, (p.i + 1) * interval - (interval - 1) / 2.0), (p.p.Step, p.p.Loss)));
        Assert.Equal(steps, curve.Points.Count * interval + curve.State.Count);
    }

    [Fact]
    public void State_OfAnyMoment_ContinuesAlike()
    {
        var (whole, cut) = (new TrainingCurve(), new TrainingCurve());
        for (var step = 1; step <= 3000; step++)
        {
            whole.Add(step, Math.Sin(step), 1, TimeSpan.Zero);
            cut.Add(step, Math.Sin(step), 1, TimeSpan.Zero);
            if (step % 7 == 0)
                cut = new TrainingCurve(cut.State);
        }
        Assert.Equal(whole.Points, cut.Points);
        Assert.Equal(whole.LastLoss, cut.LastLoss);
    }

    [Fact]
    public void IsDue_InALongPass_AsksTwoDozenTimesAtMost()
    {
        var curve = new TrainingCurve();
        var probe = new HeldOutProbe(["a"], 500, _ => [0.5]);
        const int steps = 100_000;
        for (var step = 1; step <= steps; step++)
            if (curve.IsDue(step, (double)step / steps, probe.StepsBetween(250)))
                curve.Add(probe, step, TimeSpan.Zero, TestContext.Current.CancellationToken);
        Assert.Equal(23, curve.HeldOut.Count);
    }

    [Fact]
    public void IsDue_InAShortPass_LeavesTheTimeToTraining()
    {
        var curve = new TrainingCurve();
        var probe = new HeldOutProbe(["a"], 500, _ => [0.5]);
        for (var step = 1; step <= 30; step++)
            if (curve.IsDue(step, step / 30.0, probe.StepsBetween(250)))
                curve.Add(probe, step, TimeSpan.Zero, TestContext.Current.CancellationToken);
        // Two batches of 250 cost as much as two thirds of a step: once in 22 steps.
        Assert.Equal([22L], curve.HeldOut.Select(p => p.Step));
    }
}
