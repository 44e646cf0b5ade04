using System.Diagnostics;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.SelfCheck;

/// <summary>Loads a plan from its file and runs it, as a device does at its start.</summary>
internal static class PlanRun
{
    /// <summary>Prints the kernel set, and the microseconds from the file to the first result and of the median of all runs.</summary>
    public static void Print(string path, int runs)
    {
        var start = Stopwatch.GetTimestamp();
        using var model = PlanModel.Load(path);
        using var executor = new PlanExecutor(model);
        var input = new float[executor.InputShape.Count];
        var output = new float[executor.OutputShape.Count];
        var us = new double[runs];
        executor.Run(input, output);
        us[0] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        var first = us[0];
        for (var run = 1; run < runs; run++)
        {
            start = Stopwatch.GetTimestamp();
            executor.Run(input, output);
            us[run] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(us);
        Console.WriteLine(FormattableString.Invariant($"{executor.Kernels.Name} {first:f1} {us[runs / 2]:f1}"));
    }
}
