using System.Diagnostics;
using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// Runs a list of steps on several threads. A step that is worth it is cut into parts, which the caller and the workers
/// claim one by one: a worker that the system does not schedule costs nothing, because the caller claims its parts too.
/// A worker that finds no work spins for some microseconds, which bridges the serial steps of a network and runs that
/// follow one another at once, then parks; a parked worker uses no CPU.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private const int PartsPerWorker = 3;

    private static readonly long SpinTicks = Stopwatch.Frequency * 50 / 1_000_000;

    private readonly Step[] _steps;

    /// <summary>Parts of each step, 1 where it is serial.</summary>
    private readonly int[] _parts;
    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private volatile bool _stopping;

    /// <summary>Workers that wait at the gate, changed inside of it.</summary>
    private int _parked;

    /// <summary>The step on offer and its next part in one word: ticket (32 bits), step (16 bits), part (16 bits).</summary>
    private long _offer = Offer(0, 0, ushort.MaxValue);

    /// <summary>Parts of the step on offer that are finished.</summary>
    private int _finished;
    private uint _ticket;

    /// <param name="serialWork">Steps of less stay on the calling thread.</param>
    public WorkerPool(Step[] steps, int workers, long serialWork)
    {
        _steps = steps;
        if (steps.Length > ushort.MaxValue)
            workers = 1; // an offer could not name them all
        _parts = Array.ConvertAll(steps, s => workers > 1 && s.Work >= serialWork ? Math.Min(s.Units, workers * PartsPerWorker) : 1);
        _threads = new Thread[Array.Exists(_parts, p => p > 1) ? workers - 1 : 0];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"int8 worker {i + 1}" };
            _threads[i].Start();
        }
    }

    public void Run()
    {
        for (var i = 0; i < _steps.Length; i++)
            if (_parts[i] == 1)
                _steps[i].Run(0, _steps[i].Units);
            else
                RunShared(i);
    }

    private void RunShared(int step)
    {
        _finished = 0;
        Volatile.Write(ref _offer, Offer(++_ticket, step, 0));
        Interlocked.MemoryBarrier(); // the offer is seen by whoever parks after this, or its parking is seen here
        if (Volatile.Read(ref _parked) > 0)
            lock (_gate)
                Monitor.PulseAll(_gate);
        while (TryRunPart())
        {
        }
        var spin = new SpinWait();
        while (Volatile.Read(ref _finished) != _parts[step])
            spin.SpinOnce(sleep1Threshold: -1);
    }

    /// <summary>Claims and runs one part of the step on offer; false if there is none left.</summary>
    private bool TryRunPart()
    {
        while (true)
        {
            var offer = Volatile.Read(ref _offer);
            if (!HasPart(offer))
                return false;
            // The ticket makes every offer a different word: a claim cannot hit a later one.
            if (Interlocked.CompareExchange(ref _offer, offer + 1, offer) != offer)
                continue;
            var (step, part) = (StepOf(offer), PartOf(offer));
            var (units, parts) = ((long)_steps[step].Units, _parts[step]);
            _steps[step].Run((int)(units * part / parts), (int)(units * (part + 1) / parts));
            Interlocked.Increment(ref _finished);
            return true;
        }
    }

    private void Work()
    {
        while (!_stopping)
        {
            var start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetTimestamp() - start < SpinTicks)
                if (TryRunPart())
                    start = Stopwatch.GetTimestamp();
                else
                    Thread.SpinWait(1);
            Park();
        }
    }

    private void Park()
    {
        lock (_gate)
        {
            _parked++;
            Interlocked.MemoryBarrier();
            if (!_stopping && !HasPart(Volatile.Read(ref _offer)))
                Monitor.Wait(_gate);
            _parked--;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
        foreach (var thread in _threads)
            thread.Join();
    }

    private bool HasPart(long offer) => PartOf(offer) < _parts[StepOf(offer)];

    private static long Offer(uint ticket, int step, int part) => (long)ticket << 32 | (long)(uint)step << 16 | (uint)part;

    private static int StepOf(long offer) => (int)(offer >> 16 & 0xffff);

    private static int PartOf(long offer) => (int)(offer & 0xffff);
}
