using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class WorkerPoolTests
{
    private const long SerialWork = 1000;

    /// <summary>More threads than cores, so that some are always late, in the middle of a run or for all of it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Run_AnySteps_RunsEveryUnitOnceAfterAllOfTheStepBefore(int threads)
    {
        const int runs = 200;
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var steps = new CheckedStep[random.Next(1, 12)];
            for (var i = 0; i < steps.Length; i++)
                steps[i] = new(i > 0 ? steps[i - 1] : null, random.Next(1, 40), random.Next(4) * SerialWork * threads / 2);
            using var pool = new WorkerPool(steps, threads, SerialWork);

            for (var run = 0; run < runs; run++)
                pool.Run();

            Assert.All(steps, s => Assert.All(s.RunsOfUnit, r => Assert.Equal(runs, r)));
            Assert.All(steps, s => Assert.Equal(0, s.UnitsTooEarly));
        }
    }

    [Fact]
    public void Of_SmallNeighbours_AreOneStageOfTheCaller()
    {
        Step[] steps = [new CheckedStep(null, 8, 10), new CheckedStep(null, 8, 5000), new CheckedStep(null, 8, 10), new CheckedStep(null, 1, 5000)];

        var stages = StageList.Of(steps, 2, SerialWork);

        Assert.Equal([(0, 1), (1, 2), (2, 4)], Enumerable.Range(0, stages.Count).Select(i => (stages[i].FirstStep, stages[i].LastStep)));
        Assert.Equal([false, true, false], Enumerable.Range(0, stages.Count).Select(i => stages[i].IsShared));
        Assert.Equal(2, stages.SharedEnd);
    }

    [Fact]
    public void Of_OneThread_SharesNothing() =>
        Assert.Equal(0, StageList.Of([new CheckedStep(null, 8, 5000)], 1, SerialWork).SharedEnd);

    [Fact]
    public void Constructor_WhenTheSystemHasNoThreadsLeft_EndsThoseThatItStarted()
    {
        var started = new List<Thread>();
        void Start(Thread thread)
        {
            if (started.Count == 3)
                throw new OutOfMemoryException();
            thread.Start();
            started.Add(thread);
        }

        Assert.Throws<OutOfMemoryException>(() => new WorkerPool([new CheckedStep(null, 64, 64 * SerialWork)], 8, SerialWork, Start));

        Assert.Equal(3, started.Count);
        Assert.All(started, t => Assert.False(t.IsAlive));
    }

    /// <summary>A thread that spins or yields is running or runnable; one that waits at the gate sleeps.</summary>
    [Fact]
    public void Work_AfterARun_Sleeps()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads the state of threads from /proc");
        const string name = "int8 worker 7";
        using var pool = new WorkerPool([new CheckedStep(null, 64, 64 * SerialWork)], 8, SerialWork);
        pool.Run();
        var worker = Directory.GetDirectories("/proc/self/task").Single(t => File.ReadAllText($"{t}/comm").Trim() == name);

        Assert.True(SpinWait.SpinUntil(() => IsAsleep(worker, observations: 100), TimeSpan.FromSeconds(30)));
    }

    private static bool IsAsleep(string task, int observations)
    {
        for (var i = 0; i < observations; i++)
        {
            var stat = File.ReadAllText($"{task}/stat");
            if (stat[stat.LastIndexOf(')') + 2] != 'S')
                return false;
        }
        return true;
    }

    /// <summary>Counts how often each unit has been run, and how often before the step in front had run all of its own.</summary>
    private sealed class CheckedStep(CheckedStep? before, int units, long work) : Step
    {
        private int _done;
        private int _tooEarly;

        public int[] RunsOfUnit { get; } = new int[units];

        public int UnitsTooEarly => _tooEarly;

        public override int Units => units;

        public override long Work => work;

        public override void Run(int first, int last)
        {
            for (var unit = first; unit < last; unit++)
            {
                var run = Interlocked.Increment(ref RunsOfUnit[unit]);
                if (before != null && Volatile.Read(ref before._done) < run * before.Units)
                    Interlocked.Increment(ref _tooEarly);
                Interlocked.Increment(ref _done);
            }
        }
    }
}
