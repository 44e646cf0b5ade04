using System.Collections.Concurrent;

namespace EdgeAgent.Cli.Demo;

/// <summary>
/// A thread that lives as long as the program. The kernel's parent-death signal is about the thread that started a
/// child, and a pool thread may end before the program does.
/// </summary>
internal static class StarterThread
{
    private static readonly BlockingCollection<Action> Work = [];

    static StarterThread() => new Thread(() =>
    {
        foreach (var work in Work.GetConsumingEnumerable())
            work();
    })
    { IsBackground = true, Name = "process starter" }.Start();

    public static void Run(Action work)
    {
        var done = new TaskCompletionSource();
        Work.Add(() =>
        {
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception fault)
            {
                done.SetException(fault);
            }
        });
        done.Task.GetAwaiter().GetResult();
    }
}
