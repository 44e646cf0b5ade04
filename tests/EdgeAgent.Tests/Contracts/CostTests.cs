using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Tests.Contracts;

public sealed class CostTests
{
    private static readonly DeviceProfile Gateway = ProfileLoader.LoadById(Repository.FirmwareProfiles, "x64-gateway");

    [Fact]
    public void Fit_ToOneReport_ReproducesIt()
    {
        var prior = PublishedCost.Of(Gateway);
        var network = Network(16);

        var fitted = CostFit.Fit(prior, [new CostSample(network, 3 * prior.PredictUs(network))]);

        Assert.Equal(3 * prior.PredictUs(network), fitted.PredictUs(network), 1e-6 * prior.PredictUs(network));
        Assert.Equal(CostSource.Fitted, fitted.Source);
        Assert.Null(fitted.MedianError);
    }

    [Fact]
    public void Fit_ToReportsOfADifferentMachine_PredictsStudentsItHasNotSeen()
    {
        var prior = PublishedCost.Of(Gateway);
        // The machine behind the reports: other proportions than the prior, with 3 % noise.
        double[] truth = [9, 0.4, 90, 14, 22, 210, 40, 60, 500];
        var machine = prior with { UsPerUnit = truth };
        var random = new Random(5);
        int[] seen = [4, 8, 12, 24, 32, 48, 64], unseen = [16, 20, 40, 56];

        var fitted = CostFit.Fit(prior, [.. seen.Select(w => new CostSample(Network(w), machine.PredictUs(Network(w)) * (0.97 + 0.06 * random.NextDouble())))]);

        Assert.All(unseen, w => Assert.Equal(1, fitted.PredictUs(Network(w)) / machine.PredictUs(Network(w)), 0.1));
        Assert.True(fitted.MedianError < 0.1);
        Assert.All(fitted.UsPerUnit, us => Assert.True(us >= 0));
    }

    [Fact]
    public void Predict_OfMoreChannels_NeverFalls()
    {
        var model = PublishedCost.Of(Gateway);
        double last = 0;

        for (var width = 1; width <= 64; width++)
        {
            var us = model.PredictUs(Network(width));
            Assert.True(us >= last * 0.999, $"width {width}");
            last = us;
        }
    }

    [Fact]
    public void PublishedCost_OfMoreThreads_IsFaster() =>
        Assert.True(PublishedCost.Of(Gateway, threads: 4).PredictUs(Network(32)) < PublishedCost.Of(Gateway, threads: 1).PredictUs(Network(32)));

    [Fact]
    public void RooflineCost_OfACoreAtHalfItsPeak_DoublesWhatTheCoreDoesAndNothingElse()
    {
        var published = PublishedCost.Of(Gateway);
        var peak = Gateway.Cpu.Int8MacsPerCycle.Value * Gateway.Cpu.ClockGhz.Value;

        var starting = RooflineCost.Of(Gateway, [Roofline("avxvnni", peak / 2, Gateway.Memory.CopyGBps.Value)]);

        Assert.Equal((1, "avxvnni", CostSource.Published), (starting.Rooflines, starting.KernelSet, starting.Source));
        for (var term = 0; term < CostFeatures.Count; term++)
            Assert.Equal((CostTerm)term is CostTerm.ActivationBytes or CostTerm.WeightBytes ? 1 : 2, starting.UsPerUnit[term] / published.UsPerUnit[term], 1e-9);
    }

    [Fact]
    public void RooflineCost_OfSeveralDevices_TakesTheMedianOfTheMostFrequentKernels()
    {
        var peak = Gateway.Cpu.Int8MacsPerCycle.Value * Gateway.Cpu.ClockGhz.Value;
        var copy = Gateway.Memory.CopyGBps.Value;

        var starting = RooflineCost.Of(Gateway, [
            Roofline("avx2", peak, copy), Roofline("avx2", peak / 4, copy / 3), Roofline("avx2", peak / 5, copy / 9), Roofline("sse41", peak / 8, copy)]);

        Assert.Equal((3, "avx2"), (starting.Rooflines, starting.KernelSet));
        var published = PublishedCost.Of(Gateway);
        Assert.Equal(4, starting.UsPerUnit[(int)CostTerm.ConvMacs] / published.UsPerUnit[(int)CostTerm.ConvMacs], 1e-9);
        Assert.Equal(3, starting.UsPerUnit[(int)CostTerm.WeightBytes] / published.UsPerUnit[(int)CostTerm.WeightBytes], 1e-9);
    }

    [Fact]
    public void RooflineCost_OfFiguresThatCannotBe_IsThePublishedCost()
    {
        var starting = RooflineCost.Of(Gateway, [Roofline("avx2", 0, 5), Roofline("avx2", double.PositiveInfinity, 5), Roofline("avx2", 5, double.NaN)]);

        Assert.Equal(PublishedCost.Of(Gateway).UsPerUnit, starting.UsPerUnit);
        Assert.Equal(0, starting.Rooflines);
    }

    [Fact]
    public void Choice_WithoutBudgets_IsTheMostAccurate()
    {
        var choice = StudentChoice.Of([Student("small", 0.80, 10), Student("large", 0.86, 50)], new ProfileBudgets());

        Assert.Equal("large", choice.Chosen.Student);
        Assert.Null(choice.BindingBudget);
    }

    [Fact]
    public void Choice_UnderLatencyBudget_NamesWhatItExcluded()
    {
        var choice = StudentChoice.Of([Student("small", 0.80, 10), Student("large", 0.86, 50)], new ProfileBudgets(MaxLatencyMs: 0.02));

        Assert.Equal("small", choice.Chosen.Student);
        Assert.Equal("latency", choice.BindingBudget);
        Assert.Contains("large would have 0.05 ms", choice.Reason);
    }

    [Fact]
    public void Choice_WhenNoneIsWithinBudgets_SaysByHowMuch()
    {
        var choice = StudentChoice.Of([Student("small", 0.80, 10), Student("large", 0.86, 50)], new ProfileBudgets(MaxLatencyMs: 0.005));

        Assert.Equal("small", choice.Chosen.Student);
        Assert.Contains("exceeds the latency budget least, by 100 %", choice.Reason);
    }

    [Theory]
    [InlineData(0.79, null, "small", null, "the fastest")]
    [InlineData(0.81, null, "medium", null, "reaches 81.0 %")]
    [InlineData(0.85, null, "large", "accuracy", "reaches 85.0 %")]
    [InlineData(0.90, null, "large", "accuracy", "comes closest with 86.0 %")]
    [InlineData(0.85, 0.03, "medium", "accuracy", "no student within the budgets reaches 85.0 %")]
    public void Choice_WithALeastAccuracy_IsTheFastestThatReachesIt(double least, double? latencyMs, string chosen, string? binding, string reason)
    {
        var choice = StudentChoice.Of([Student("small", 0.80, 10), Student("medium", 0.83, 25), Student("large", 0.86, 50)], new ProfileBudgets(MaxLatencyMs: latencyMs, MinAccuracy: least));

        Assert.Equal((chosen, binding), (choice.Chosen.Student, choice.BindingBudget));
        Assert.Contains(reason, choice.Reason);
    }

    private static RooflineReport Roofline(string kernels, double int8GigaMacs, double copyGBps) => new(kernels, int8GigaMacs, 10, [], copyGBps, 5);

    private static StudentCandidate Student(string name, double accuracy, double us) => new(name, accuracy, 1000, us, 1);

    /// <summary>A small residual net with a depthwise layer, by width.</summary>
    private static List<OperatorCost> Network(int width) =>
    [
        Op(OperatorKind.Conv, 3, width, 32, 9),
        Op(OperatorKind.Conv, width, width, 32, 9),
        Op(OperatorKind.Depthwise, width, width, 32, 9),
        Op(OperatorKind.Pointwise, width, 2 * width, 16, 1),
        Op(OperatorKind.Elementwise, 2 * width, 2 * width, 16, 0),
        Op(OperatorKind.Conv, 2 * width, 4 * width, 8, 9),
        Op(OperatorKind.Dense, 4 * width, 10, 1, 1),
    ];

    private static OperatorCost Op(OperatorKind kind, int input, int output, int size, int window)
    {
        long pixels = size * size, perPixel = kind == OperatorKind.Depthwise ? output : (long)input * output;
        return new OperatorCost("n", kind.ToString(), kind, [1, input, size, size], [1, output, size, size], perPixel * window * pixels, perPixel * window, pixels * (input + output));
    }
}
