namespace EdgeAgent.Tests.Device;

/// <summary>
/// A clock on which every wait is over at once and took exactly as long as it was meant to; <see cref="Passed"/> tells
/// how much time went by, so that a test can let energy be used meanwhile.
/// </summary>
internal sealed class InstantTime : TimeProvider
{
    private readonly Lock _lock = new();
    private TimeSpan _now;

    public Action<TimeSpan>? Passed { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock)
            return _now.Ticks;
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + new TimeSpan(GetTimestamp());

    public void Advance(TimeSpan by)
    {
        lock (_lock)
            _now += by;
        Passed?.Invoke(by);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Advance(dueTime);
        ThreadPool.QueueUserWorkItem(_ => callback(state));
        return new NoTimer();
    }

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
