namespace EdgeAgent.Compression.Runtime;

/// <summary>Time used of a budget, over interruptions: a resumed run goes on counting where its checkpoint stopped.</summary>
public sealed class RunClock(TimeProvider time, TimeSpan budget)
{
    private readonly long _start = time.GetTimestamp();

    public TimeSpan Before { get; set; }

    public TimeSpan Budget => budget;

    public TimeSpan Elapsed => Before + time.GetElapsedTime(_start);

    public TimeSpan Left => budget - Elapsed;
}
