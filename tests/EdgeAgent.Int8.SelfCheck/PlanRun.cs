using System.Diagnostics;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.SelfCheck;

/// <summary>Loads a plan from its file and runs it, as a device does at its start.</summary>
internal static class PlanRun
{
    /// <summary>
    /// Prints the kernel set, and in microseconds: from the file to the validated plan, from there to the executor, to the first
    /// result, and the median of all runs.
    /// </summary>
    public static void Print(string path, int runs)
    {
        var start = Stopwatch.GetTimestamp();
        using var model = PlanModel.Load(path);
        var loadUs = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        using var executor = new PlanExecutor(model);
        var readyUs = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        var input = new float[executor.InputShape.Count];
        var output = new float[executor.OutputShape.Count];
        var us = new double[runs];
        executor.Run(input, output);
        us[0] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        var firstUs = us[0];
        for (var run = 1; run < runs; run++)
        {
            start = Stopwatch.GetTimestamp();
            executor.Run(input, output);
            us[run] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }
        Array.Sort(us);
        Console.WriteLine(FormattableString.Invariant($"{executor.Kernels.Name} {loadUs:f1} {readyUs - loadUs:f1} {firstUs - readyUs:f1} {us[runs / 2]:f1}"));
    }
}
