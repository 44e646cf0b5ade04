using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.SelfCheck;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class KernelSetTests
{
    private const int Cases = 3000;

    /// <summary>What this CPU can run; the kernels for Arm run under qemu in the system tests.</summary>
    public static TheoryData<string> Sets => [.. KernelSet.All.Where(k => k.IsSupported && k.Name != "scalar").Select(k => k.Name)];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Run_RandomPlans_EqualsTheReferenceToTheBit(string name)
    {
        var kernels = KernelSet.All.Single(k => k.Name == name);

        Assert.Null(KernelComparison.FirstDifference(kernels, firstSeed: 1, Cases));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void Run_SeveralThreads_EqualsTheReferenceToTheBit(int threads) =>
        Assert.Null(KernelComparison.FirstDifference(KernelSet.Best, firstSeed: 100_000, 500, threads));

    /// <summary>Of MobileNet v3 and EfficientNet, and beyond: kernels whose columns of all channels fit no cache.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Run_WideDepthwiseLayer_EqualsTheReferenceToTheBit(string name)
    {
        var kernels = KernelSet.Named(name);
        (PlanShape Shape, int Multiplier, PlanWindow Window)[] layers =
        [
            (new(7, 7, 672), 1, PlanWindow.Square(5, 1, 2)),
            (new(7, 8, 672), 1, PlanWindow.Square(5, 2, 2)),
            (new(5, 7, 1157), 1, PlanWindow.Square(5, 1, 2)),
            (new(6, 9, 450), 1, PlanWindow.Square(7, 1, 3)),
            (new(3, 5, 2055), 1, PlanWindow.Square(3, 1, 1)),
            (new(9, 9, 300), 1, new(9, 9, 1, 1, 8, 8, 8, 8, 2, 2)),
            (new(1, 700, 100), 1, new(1, 9, 1, 1, 0, 4, 0, 4)),
            (new(1, 50, 800), 1, new(1, 3, 1, 2, 0, 1, 0, 1)),
            (new(6, 7, 100), 2, PlanWindow.Square(3, 1, 1)),
            (new(6, 7, 64), 4, PlanWindow.Square(7, 1, 3)),
            (new(6, 7, 300), 4, PlanWindow.Square(5, 1, 2)),
            (new(1, 90, 70), 3, new(1, 5, 1, 1, 0, 2, 0, 2)),
        ];
        foreach (var (shape, multiplier, window) in layers)
        {
            using var model = PlanModel.Load(Networks.Depthwise(shape, multiplier, window, seed: 1));
            var input = Networks.Noise(model.InputShape.Count, 2);
            var expected = Run(model, KernelSet.Named("scalar"), 1, input);
            foreach (var threads in (int[])[1, 3])
                Assert.Equal(expected, Run(model, kernels, threads, input, serialWork: 0));
        }
    }

    [Fact]
    public void Named_UnknownSet_IsRefusedWithTheKnownOnes()
    {
        var error = Assert.Throws<ArgumentException>(() => KernelSet.Named("mmx"));

        Assert.StartsWith("kernel set 'mmx' is unknown; there are scalar, ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Best_IsSupported() => Assert.True(KernelSet.Best.IsSupported);

    [Fact]
    public void Run_AfterTheFirst_AllocatesNothing()
    {
        using var executor = new PlanExecutor(PlanModel.Load(Networks.Residual(1)), threads: 2);
        var input = new float[executor.InputShape.Count];
        var output = new float[executor.OutputShape.Count];
        executor.Run(input, output);

        var before = GC.GetAllocatedBytesForCurrentThread();
        executor.Run(input, output);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Run_WholeNetwork_IsTheSameForEverySetAndThreadCount()
    {
        using var model = PlanModel.Load(Networks.Residual(2));
        var input = Networks.Noise(model.InputShape.Count, 3);
        var expected = Run(model, KernelSet.Named("scalar"), 1, input);

        foreach (var kernels in KernelSet.All.Where(k => k.IsSupported))
            foreach (var threads in (int[])[1, 2, 4])
                Assert.Equal(expected, Run(model, kernels, threads, input));
    }

    [Fact]
    public void Run_ManyTimesOnThreads_NeverDiffers()
    {
        using var model = PlanModel.Load(Networks.Residual(6));
        using var executor = new PlanExecutor(model, threads: 3);
        var input = Networks.Noise(model.InputShape.Count, 7);
        var expected = Run(model, KernelSet.Best, 1, input);
        var output = new float[expected.Length];

        for (var run = 0; run < 1000; run++)
        {
            executor.Run(input, output);
            Assert.Equal(expected, output);
        }
    }

    [Fact]
    public void Profile_NamesEveryOperator()
    {
        using var model = PlanModel.Load(Networks.Residual(4));
        using var executor = new PlanExecutor(model);

        var timings = executor.Profile(new float[model.InputShape.Count], runs: 3);

        Assert.Equal(model.Operators, timings.Select(t => t.Operator));
        Assert.All(timings, t => Assert.True(t.Us >= 0));
    }

    private static float[] Run(PlanModel model, KernelSet kernels, int threads, float[] input, long? serialWork = null)
    {
        using var executor = new PlanExecutor(model, threads, kernels, serialWork);
        var output = new float[executor.OutputShape.Count];
        executor.Run(input, output);
        return output;
    }
}
