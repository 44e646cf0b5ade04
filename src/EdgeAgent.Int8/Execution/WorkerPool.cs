using EdgeAgent.Int8.Kernels;

namespace EdgeAgent.Int8.Execution;

/// <summary>
/// Runs a list of steps on several threads: every thread walks the same list and takes its part of each step, with a
/// spinning barrier where a step needs what others wrote. Between runs the threads are parked and use no CPU.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>Below this a step costs less than handing it out: a barrier takes about a microsecond.</summary>
    private const long SerialWork = 60_000;

    private readonly Step[] _steps;
    private readonly bool[] _parallel;
    private readonly Thread[] _threads;
    private readonly object _gate = new();
    private readonly int _workers;
    private int _started;
    private bool _stopping;
    private int _arrived;
    private volatile int _phase;

    public WorkerPool(Step[] steps, int workers)
    {
        _steps = steps;
        _workers = workers;
        _parallel = Array.ConvertAll(steps, s => s.Units > 1 && s.Work >= SerialWork);
        if (!_parallel.Contains(true))
            _workers = 1;
        _threads = new Thread[_workers - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"int8 worker {worker}" };
            _threads[i].Start();
        }
    }

    public void Run()
    {
        if (_workers == 1)
        {
            foreach (var step in _steps)
                step.Run(0, step.Units);
            return;
        }
        lock (_gate)
        {
            _started++;
            Monitor.PulseAll(_gate);
        }
        Walk(0);
    }

    private void Work(int worker)
    {
        for (var seen = 1; ; seen++)
        {
            lock (_gate)
            {
                while (_started < seen && !_stopping)
                    Monitor.Wait(_gate);
                if (_stopping)
                    return;
            }
            Walk(worker);
        }
    }

    private void Walk(int worker)
    {
        for (var i = 0; i < _steps.Length; i++)
        {
            var step = _steps[i];
            // What is serial runs on worker 0 alone, which needs no barrier before more of the same.
            if (_parallel[i])
                step.Run((int)((long)step.Units * worker / _workers), (int)((long)step.Units * (worker + 1) / _workers));
            else if (worker == 0)
                step.Run(0, step.Units);
            if (_parallel[i] || (i + 1 < _steps.Length && _parallel[i + 1]))
                Meet();
        }
    }

    /// <summary>Returns when all workers have come here.</summary>
    private void Meet()
    {
        var phase = _phase;
        if (Interlocked.Increment(ref _arrived) == _workers)
        {
            _arrived = 0;
            _phase = phase + 1;
            return;
        }
        for (var spins = 0; _phase == phase; spins++)
            if (spins < 2000)
                Thread.SpinWait(8);
            else
                Thread.Yield(); // fewer cores than threads, or the others were preempted
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
}
