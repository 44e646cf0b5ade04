using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.SelfCheck;

/// <summary>Runs random plans on a kernel set and on the reference and compares the bits of the outputs.</summary>
public static class KernelComparison
{
    /// <summary>The first difference found, or null; plans are those of the seeds from <paramref name="firstSeed"/>.</summary>
    public static string? FirstDifference(KernelSet kernels, int firstSeed, int cases, int threads = 1)
    {
        for (var seed = firstSeed; seed < firstSeed + cases; seed++)
        {
            var random = RandomPlan.Of(seed);
            using var model = PlanModel.Load(random.Plan);
            var expected = Outputs(model, KernelSet.Named("scalar"), random.Input, 1);
            var actual = Outputs(model, kernels, random.Input, threads);
            for (var i = 0; i < expected.Length; i++)
                if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]))
                    return $"seed {seed}, {kernels.Name}, {threads} threads: output {i} is {actual[i]}, expected {expected[i]}: {random.Description}";
        }
        return null;
    }

    /// <summary>Every step is split over the threads, however small it is. Two runs, so that what a first leaves in the arena is part of the test; the outputs of the second.</summary>
    private static float[] Outputs(PlanModel model, KernelSet kernels, float[] input, int threads)
    {
        using var executor = new PlanExecutor(model, threads, kernels, serialWork: 0);
        var output = new float[executor.OutputShape.Count];
        executor.Run(Array.ConvertAll(input, v => 1 - v), output);
        executor.Run(input, output);
        return output;
    }
}
