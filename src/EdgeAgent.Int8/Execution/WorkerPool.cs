using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// Runs a list of steps on several threads, the caller among them. Each thread has a range of every shared step, the same
/// share of the image in each, so that it reads mostly what it wrote itself; nobody hands anything out between two steps. A
/// thread that is done waits until all chunks of the step are, and claims those that their owner has not begun: one that
/// the system does not schedule costs nothing. Between runs a worker spins for some microseconds, which bridges runs that
/// follow one another at once, then parks; a parked worker uses no CPU.
/// </summary>
/// <remarks>
/// All counters only rise, over all runs. A thread that wakes late, in a run that others have finished, therefore finds
/// nothing to claim and nothing to wait for.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>
    /// Polls before a thread looks at the claims of one that takes part in the run: it will mostly claim its chunks itself,
    /// and has to fetch the cache line back from whoever looked.
    /// </summary>
    private const int Patience = 40;

    /// <summary>Polls, of some 40 ns each, before a thread that waits lets others have its core.</summary>
    private const int PollsBeforeYield = 500;

    private static readonly long SpinTicks = Stopwatch.Frequency * 50 / 1_000_000;

    private readonly Step[] _steps;
    private readonly StageList _stages;
    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private volatile bool _stopping;

    /// <summary>Workers that wait at the gate, changed inside of it.</summary>
    private int _parked;

    /// <summary>Runs begun, written by the caller.</summary>
    private SharedCounter _runs;

    /// <summary>Stages of all runs up to the last that the caller has done alone, written by it.</summary>
    private SharedCounter _passed;

    /// <summary>For each thread's range the chunks claimed.</summary>
    private readonly SharedCounter[] _claimed;

    private readonly Progress[] _progress;

    /// <param name="serialWork">Steps of less stay on the calling thread.</param>
    /// <param name="start">Starts a thread; tests let it fail, as it does where the system has no threads left.</param>
    public WorkerPool(Step[] steps, int threads, long serialWork, Action<Thread>? start = null)
    {
        _steps = steps;
        _stages = StageList.Of(steps, threads, serialWork);
        threads = _stages.SharedEnd > 0 ? threads : 1;
        (_claimed, _progress) = (new SharedCounter[threads], new Progress[threads]);
        _threads = new Thread[threads - 1];
        start ??= static t => t.Start();
        var started = 0;
        try
        {
            for (; started < _threads.Length; started++)
            {
                var thread = started + 1;
                _threads[started] = new Thread(() => Work(thread)) { IsBackground = true, Name = $"int8 worker {thread}" };
                start(_threads[started]);
            }
        }
        catch
        {
            Stop();
            foreach (var thread in _threads.AsSpan(0, started))
                thread.Join();
            throw;
        }
    }

    public void Run()
    {
        if (_threads.Length == 0)
        {
            RunAlone(0, _steps.Length);
            return;
        }
        var run = _runs.Value;
        Volatile.Write(ref _runs.Value, run + 1);
        Interlocked.MemoryBarrier(); // the run is seen by whoever parks after this, or its parking is seen here
        if (Volatile.Read(ref _parked) > 0)
            lock (_gate)
                Monitor.PulseAll(_gate);
        Volatile.Write(ref _progress[0].Runs, run + 1);
        for (var stage = 0; stage < _stages.Count; stage++)
            if (_stages[stage].IsShared)
                RunShared(0, run, _stages[stage]);
            else
            {
                RunAlone(_stages[stage].FirstStep, _stages[stage].LastStep);
                Volatile.Write(ref _passed.Value, run * _stages.Count + stage + 1);
            }
    }

    private void RunAlone(int first, int last)
    {
        for (var i = first; i < last; i++)
            _steps[i].Run(0, _steps[i].Units);
    }

    private void Work(int thread)
    {
        var seen = 0L;
        while (!_stopping)
        {
            var start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetTimestamp() - start < SpinTicks)
            {
                var begun = Volatile.Read(ref _runs.Value);
                if (begun == seen)
                {
                    Thread.SpinWait(1);
                    continue;
                }
                seen = begun;
                TakePart(thread, begun - 1);
                start = Stopwatch.GetTimestamp();
            }
            Park(seen);
        }
    }

    private void TakePart(int thread, long run)
    {
        Volatile.Write(ref _progress[thread].Runs, run + 1);
        for (var stage = 0; stage < _stages.SharedEnd; stage++)
            if (_stages[stage].IsShared)
                RunShared(thread, run, _stages[stage]);
            else
                for (var polls = 0; Volatile.Read(ref _passed.Value) < run * _stages.Count + stage + 1; polls++)
                    Wait(polls);
    }

    /// <summary>The thread's own range, then whatever chunks others have not begun, until all chunks are done.</summary>
    private void RunShared(int thread, long run, in Stage stage)
    {
        var end = run * _stages.ChunksOfRange + stage.ChunksBefore + stage.Chunks;
        while (TryRunChunk(thread, thread, stage, end))
        {
        }
        for (var polls = 0; Done() < end * _progress.Length; polls++)
            if (!TryRunChunkOfOthers(thread, run, stage, end, polls >= Patience))
                Wait(polls);
    }

    private bool TryRunChunkOfOthers(int thread, long run, in Stage stage, long end, bool ofAll)
    {
        for (var range = 0; range < _claimed.Length; range++)
            if (range != thread && (ofAll || Volatile.Read(ref _progress[range].Runs) <= run) && TryRunChunk(thread, range, stage, end))
                return true;
        return false;
    }

    /// <summary>Claims and runs the next chunk of a range; false if there is none left.</summary>
    /// <param name="end">What the range's counter shows when the stage has none left.</param>
    private bool TryRunChunk(int thread, int range, in Stage stage, long end)
    {
        ref var claimed = ref _claimed[range].Value;
        long chunk;
        do
        {
            chunk = Volatile.Read(ref claimed);
            if (chunk >= end)
                return false;
        }
        while (Interlocked.CompareExchange(ref claimed, chunk + 1, chunk) != chunk);
        var step = _steps[stage.FirstStep];
        var (part, parts) = (range * stage.Chunks + stage.Chunks - (end - chunk), _claimed.Length * stage.Chunks);
        var (first, last) = ((int)(step.Units * part / parts), (int)(step.Units * (part + 1) / parts));
        if (first < last)
            step.Run(first, last);
        Volatile.Write(ref _progress[thread].Done, _progress[thread].Done + 1);
        return true;
    }

    /// <summary>Chunks done by all threads, at least: the counters rise while they are read.</summary>
    private long Done()
    {
        var sum = 0L;
        for (var i = 0; i < _progress.Length; i++)
            sum += Volatile.Read(ref _progress[i].Done);
        return sum;
    }

    private static void Wait(int polls)
    {
        if (polls < PollsBeforeYield)
            Thread.SpinWait(1);
        else
            Thread.Yield();
    }

    private void Park(long seen)
    {
        lock (_gate)
        {
            _parked++;
            Interlocked.MemoryBarrier();
            if (!_stopping && Volatile.Read(ref _runs.Value) == seen)
                Monitor.Wait(_gate);
            _parked--;
        }
    }

    /// <summary>Lets the workers end, and does not wait for it.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
    }

    public void Dispose()
    {
        Stop();
        foreach (var thread in _threads)
            thread.Join();
    }

    /// <summary>Two of them, or one and whatever lies around it, never share a cache line, nor a pair of lines that a CPU fetches together.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct SharedCounter
    {
        [FieldOffset(128)]
        public long Value;
    }

    /// <summary>What one thread tells the others, written by it alone; padded likewise.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Progress
    {
        /// <summary>Runs up to the last that it takes part in.</summary>
        [FieldOffset(128)]
        public long Runs;

        /// <summary>Chunks it has done, of whichever range.</summary>
        [FieldOffset(136)]
        public long Done;
    }
}
