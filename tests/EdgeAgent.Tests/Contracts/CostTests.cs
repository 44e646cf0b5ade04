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
