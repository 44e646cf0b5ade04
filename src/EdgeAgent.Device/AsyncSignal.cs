namespace EdgeAgent.Device;

/// <summary>An auto-reset event that can be awaited: several sets before a wait count as one. One waiter at a time.</summary>
internal sealed class AsyncSignal(TimeProvider time)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _source = New();

    public void Set()
    {
        lock (_lock)
            _source.TrySetResult();
    }

    /// <returns>False after <paramref name="patience"/> without a set.</returns>
    public async Task<bool> WaitAsync(TimeSpan patience, CancellationToken cancellation)
    {
        Task task;
        lock (_lock)
            task = _source.Task;
        try
        {
            await task.WaitAsync(patience, time, cancellation);
        }
        catch (TimeoutException)
        {
            return false;
        }
        lock (_lock)
            _source = New();
        return true;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
