using EdgeAgent.Compression.Pruning;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Tests.Pruning;

/// <summary>Pruning end to end on small teachers and a few seconds.</summary>
public sealed class PruningPipelineTests : IDisposable
{
    private readonly TestData _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("residual", PruningCriterion.Taylor, PruningMeasure.Parameters)]
    [InlineData("concat", PruningCriterion.GroupL2, PruningMeasure.Macs)]
    public void Run_WritesAModelThatManyTimesSmaller(string graph, PruningCriterion criterion, PruningMeasure measure)
    {
        var options = Options(graph == "residual" ? TestGraphs.Residual() : TestGraphs.ConcatDepthwise()) with { Criterion = criterion, Measure = measure, Times = 2, Rounds = 2 };
        var report = PruningPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);

        var (before, after) = (GraphStatistics.Of(ModelImporter.Load(options.ModelPath)), GraphStatistics.Of(ModelImporter.Load(report.Model)));
        Assert.Equal((after.Parameters, after.Macs), (report.Pruned.Parameters, report.Pruned.Macs));
        // A little more than half the parameters: the teacher's own file has no batch-norms, which count as a bias each.
        Assert.True(measure == PruningMeasure.Macs ? after.Macs <= before.Macs / 2 : after.Parameters <= before.Parameters / 2 * 1.02);
        Assert.Equal(2, report.Rounds.Count);
        Assert.All(report.Rounds.SelectMany(r => r.Channels), c => Assert.True(c.Kept % options.ChannelMultiple == 0));
        Assert.Null(report.Sparsity);
        Assert.Equal(report.ToJson(), File.ReadAllText(Path.Combine(options.OutDirectory, "prune.json")));
    }

    [Fact]
    public void Run_BeyondWhatPruningLeaves_SaysWhatWasReached()
    {
        var options = Options(TestGraphs.Residual()) with { Times = 1000, Rounds = 1, Steps = 8 };
        var report = PruningPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.All(report.Rounds[0].Channels, c => Assert.Equal(4, c.Kept));
        var warning = Assert.Single(report.Warnings, w => w.Contains("1000 times fewer parameters were asked for", StringComparison.Ordinal));
        Assert.Contains("in multiples of 4", warning, StringComparison.Ordinal);
        Assert.DoesNotContain(PruningPipeline.Run(options with { Times = 1.5, OutDirectory = options.OutDirectory + "-2" }, Quiet.Instance, TestContext.Current.CancellationToken).Warnings, w => w.Contains("asked for", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_WithSparsity_HoldsTheZerosAndTellsWhatTheyBring()
    {
        var report = PruningPipeline.Run(Options(TestGraphs.Residual()) with { Times = 1, Rounds = 1, Sparsity = 0.6 }, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.InRange(report.Sparsity!.Zeros, 0.59, 0.61);
        Assert.True(report.Sparsity.CompressedBytes < report.Sparsity.DenseCompressedBytes);
        Assert.True(report.Sparsity.P50Us > 0);
    }

    [Fact]
    public void Run_CancelledInTheSecondRoundAndResumed_EndsAsUndisturbed()
    {
        var options = Options(TestGraphs.Residual()) with { Rounds = 2 };
        using var stop = new CancellationTokenSource();
        var stopper = new Quiet(p =>
        {
            if (p is { Pass: "recover-2", Done: > 0 })
                stop.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => PruningPipeline.Run(options, stopper, stop.Token));
        var report = PruningPipeline.Run(options with { Resume = true }, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.Equal(2, report.Rounds.Count);
        Assert.All(report.Passes.Where(p => p.Name is "calibrate" or "round 1"), p => Assert.Equal(1, p.Runs));
        Assert.Equal(["load", "teacher", "prepare", "calibrate", "round 1", "round 2", "test"], report.Passes.Select(p => p.Name));
    }

    private PruningOptions Options(GraphSpec graph)
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(graph, model);
        return new PruningOptions { ModelPath = model, DataPath = _data.Images, OutDirectory = Path.Combine(_data.Root, "pruned"), Budget = TimeSpan.FromSeconds(4), ChannelMultiple = 4 };
    }
}
