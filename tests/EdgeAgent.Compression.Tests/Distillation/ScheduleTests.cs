using EdgeAgent.Compression.Distillation;

namespace EdgeAgent.Compression.Tests.Distillation;

public sealed class ScheduleTests
{
    [Fact]
    public void Progress_AfterReplanning_NeverJumpsAndEndsAtOne()
    {
        var schedule = new Schedule(100);
        schedule.Replan(20, 60);
        schedule.Replan(40, 90);

        double last = 0;
        for (var step = 0L; step <= schedule.TotalSteps; step++)
        {
            var progress = schedule.ProgressAt(step);
            Assert.InRange(progress, last, last + 0.03);
            last = progress;
        }
        Assert.Equal(90, schedule.TotalSteps);
        Assert.Equal(1, last, 1e-9);
    }

    [Fact]
    public void Progress_OfStoredSegments_IsThatOfTheFirstRun()
    {
        var schedule = new Schedule(100);
        schedule.Replan(30, 70);

        var again = new Schedule(schedule.Segments);

        Assert.All(Enumerable.Range(0, 71), step => Assert.Equal(schedule.ProgressAt(step), again.ProgressAt(step)));
    }

    [Fact]
    public void Rate_OverTheCycle_RisesToItsPeakAndFallsToZero()
    {
        var cycle = new OneCycle(0.5, Rise: 0.1);

        Assert.True(cycle.RateAt(0) < 0.05);
        Assert.Equal(0.5, cycle.RateAt(0.1), 1e-9);
        Assert.Equal(0, cycle.RateAt(1), 1e-9);
    }
}
