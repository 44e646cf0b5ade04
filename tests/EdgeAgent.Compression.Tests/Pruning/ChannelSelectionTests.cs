using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Pruning;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Tests.Pruning;

/// <summary>Costs without building models, importance, and the ranking over all groups.</summary>
public sealed class ChannelSelectionTests
{
    public static TheoryData<string> Graphs => ["residual", "concat"];

    /// <summary>The formulas against models that were really cut.</summary>
    [Theory]
    [MemberData(nameof(Graphs))]
    public void Costs_OfRandomShapes_AreThoseOfTheSlicedModel(string name)
    {
        var graph = Graph(name);
        var groups = ChannelDependencies.Find(graph);
        var costs = new ChannelCosts(graph, groups);
        var random = new Random(5);
        for (var i = 0; i < 50; i++)
        {
            int[] counts = [.. groups.Select(g => g.Frozen ? g.Size : random.Next(1, g.Size + 1))];
            var statistics = GraphStatistics.Of(new Slice(groups, counts).Apply(graph));
            Assert.Equal((statistics.Parameters, statistics.Macs), (costs.Parameters(counts), costs.Macs(counts)));
        }
    }

    [Theory]
    [InlineData(1.5, 1)]
    [InlineData(2, 4)]
    [InlineData(4, 4)]
    public void Selection_MeetsTheTarget_InMultiples(double times, int multiple)
    {
        var graph = Graph("concat");
        var groups = ChannelDependencies.Find(graph);
        var costs = new ChannelCosts(graph, groups);
        int[] full = [.. groups.Select(g => g.Size)];
        var importance = ChannelSelection.Relative(ChannelImportance.GroupL2(graph, groups)).Select(g => g.OrderDescending().ToArray()).ToArray();
        var counts = ChannelSelection.Of(groups, importance, costs.Macs, costs.Macs(full) / times, multiple);
        Assert.True(costs.Macs(counts) <= costs.Macs(full) / times);
        Assert.All(counts.Zip(groups), c => Assert.True(c.Second.Frozen ? c.First == c.Second.Size : c.First % multiple == 0 && c.First > 0));
    }

    [Fact]
    public void Selection_BeyondWhatTheModelHas_KeepsTheNarrowest()
    {
        var graph = Graph("residual");
        var groups = ChannelDependencies.Find(graph);
        var counts = ChannelSelection.Of(groups, [.. groups.Select(g => new double[g.Size])], new ChannelCosts(graph, groups).Parameters, 0, 4);
        Assert.All(counts.Zip(groups), c => Assert.Equal(c.Second.Frozen ? c.Second.Size : 4, c.First));
    }

    /// <summary>Two channels of equal importance: the one that saves more goes first.</summary>
    [Fact]
    public void Selection_AmongEqualLosses_TakesTheLargestSaving()
    {
        var graph = Graph("concat");
        var groups = ChannelDependencies.Find(graph);
        var costs = new ChannelCosts(graph, groups);
        int[] full = [.. groups.Select(g => g.Size)];
        var counts = ChannelSelection.Of(groups, [.. groups.Select(g => Enumerable.Repeat(1.0, g.Size).ToArray())], costs.Macs, costs.Macs(full) - 1, 1);
        var taken = Enumerable.Range(0, counts.Length).Single(g => counts[g] < full[g]);
        var savings = Enumerable.Range(0, counts.Length).Where(g => !groups[g].Frozen && groups[g].Size > 1).Select(g => (Group: g, Saved: costs.Macs(full) - costs.Macs([.. full.Select((c, i) => i == g ? c - 1 : c)])));
        Assert.Equal(savings.MaxBy(s => s.Saved).Group, taken);
    }

    /// <summary>A channel that nothing reads has large weights of its own; only the loss knows that it does not matter.</summary>
    [Fact]
    public void Taylor_OfAChannelThatNothingReads_IsZero()
    {
        using var data = new TestData();
        var graph = Graph("residual");
        const int unread = 3;
        var groups = ChannelDependencies.Find(graph);
        var group = Enumerable.Range(0, groups.Count).First(g => !groups[g].Frozen && groups[g].Channels[unread].Positions.Keys.Any(a => a.Constant == "head"));
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var head = (float[])constants["head"].Floats.Clone();
        foreach (var column in groups[group].Channels[unread].Positions[new ConstantAxis("head", 1)])
            for (var row = 0; row < TestGraphs.Classes; row++)
                head[row * constants["head"].Shape[1] + column] = 0;
        constants["head"] = Tensor.Of(head, constants["head"].Shape);
        graph = graph with { Constants = constants };

        var batches = data.Batches();
        var importance = ChannelImportance.Taylor(graph, groups, batches, batches.Sequential(16, cancellation: TestContext.Current.CancellationToken));
        Assert.Equal(0, importance[group][unread]);
        Assert.True(importance[group].Where((_, c) => c != unread).Min() > 0);
        Assert.True(ChannelImportance.GroupL2(graph, groups)[group][unread] > 0);
    }

    /// <summary>First order means: for a small change the loss changes by what the criterion says.</summary>
    [Fact]
    public void Taylor_OfOneBatch_IsTheSlopeOfTheLoss()
    {
        using var data = new TestData(perClass: 4);
        var graph = Graph("residual");
        var groups = ChannelDependencies.Find(graph);
        var source = data.Batches();
        var batch = source.Sequential(16, cancellation: TestContext.Current.CancellationToken).First();
        var importance = ChannelImportance.Taylor(graph, groups, source, [batch]);
        var group = Enumerable.Range(0, groups.Count).First(g => !groups[g].Frozen);
        const double step = 1e-2;
        for (var channel = 0; channel < 3; channel++)
        {
            var slope = (Loss(Scaled(graph, groups[group].Channels[channel], 1 + step), batch) - Loss(Scaled(graph, groups[group].Channels[channel], 1 - step), batch)) / (2 * step);
            Assert.Equal(Math.Sqrt(importance[group][channel]), Math.Abs(slope), 0.05 * Math.Abs(slope) + 1e-4);
        }
    }

    /// <summary>Layers without a batch-norm, however a file writes them: none is free to take away.</summary>
    [Theory]
    [InlineData(DenseForm.Plain)]
    [InlineData(DenseForm.TwoNodes)]
    public void Taylor_OfADenseLayerInAnyForm_IsNeverZeroThroughout(DenseForm form)
    {
        using var data = new TestData(perClass: 8);
        var batches = data.Batches();
        double[] Of(DenseForm written)
        {
            var graph = TestGraphs.Hidden(written);
            var groups = ChannelDependencies.Find(graph);
            var hidden = Enumerable.Range(0, groups.Count).Single(g => !groups[g].Frozen && groups[g].Size == 32);
            return ChannelImportance.Taylor(graph, groups, batches, batches.Sequential(16, cancellation: TestContext.Current.CancellationToken))[hidden];
        }
        var (expected, actual) = (Of(DenseForm.Transposed), Of(form));

        Assert.Contains(expected, v => v > 0);
        if (form == DenseForm.Plain)
            Assert.Equal(expected.Select(v => (float)v), actual.Select(v => (float)v), (a, b) => Math.Abs(a - b) <= 1e-2f * a + 1e-9f);
        else
            // Without the bias, which is another node's.
            Assert.All(expected.Zip(actual), p => Assert.Equal(p.First > 0, p.Second > 0));
    }

    private static GraphSpec Scaled(GraphSpec graph, Channel channel, double factor)
    {
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        foreach (var (axis, rows) in channel.Positions.Where(p => p.Key.Axis == 0 && graph.Nodes.Any(n => n.Op is Conv && n.Inputs.Skip(1).Contains(p.Key.Constant))))
        {
            var values = (float[])constants[axis.Constant].Floats.Clone();
            var length = values.Length / constants[axis.Constant].Shape[0];
            foreach (var row in rows)
                foreach (ref var value in values.AsSpan(row * length, length))
                    value = (float)(value * factor);
            constants[axis.Constant] = Tensor.Of(values, constants[axis.Constant].Shape);
        }
        return graph with { Constants = constants };
    }

    private static double Loss(GraphSpec graph, Batch batch)
    {
        var count = batch.Labels.Length;
        var logits = new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = Tensor.Of(batch.Input, [count, 3, TestGraphs.Size, TestGraphs.Size]) })[graph.Outputs[0].Name].Floats;
        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            var row = logits.AsSpan(i * TestGraphs.Classes, TestGraphs.Classes).ToArray().Select(v => (double)v).ToArray();
            sum += row.Max() + Math.Log(row.Sum(v => Math.Exp(v - row.Max()))) - row[batch.Labels[i]];
        }
        return sum / count;
    }

    private static GraphSpec Graph(string name) => name == "residual" ? TestGraphs.Residual() : TestGraphs.ConcatDepthwise();
}
