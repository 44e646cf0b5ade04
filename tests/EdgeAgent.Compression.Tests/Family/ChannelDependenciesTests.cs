using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Compression.Tests.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Family;

public sealed class ChannelDependenciesTests
{
    static ChannelDependenciesTests() => TorchRuntime.Prepare();

    [Fact]
    public void Find_OnResidualAddition_TiesBothBranches()
    {
        var graph = TestGraphs.Residual();
        var add = graph.Nodes.Single(n => n.Op is Add);
        var weights = add.Inputs.Select(i => graph.Nodes.Single(n => n.Output == i).Inputs[1]).ToArray();

        var group = ChannelDependencies.Find(graph).Single(g => Holds(g, weights[0], 0));

        Assert.True(Holds(group, weights[1], 0));
        Assert.Equal(16, group.Size);
        Assert.False(group.Frozen);
    }

    [Fact]
    public void Find_OnDepthwiseBehindConcat_TiesEachChannelToItsBranch()
    {
        var graph = TestGraphs.ConcatDepthwise();
        var depthwise = graph.Nodes.Single(n => n.Op is Conv { Groups: > 1 }).Inputs[1];

        var groups = ChannelDependencies.Find(graph).Where(g => Holds(g, depthwise, 0)).ToList();

        // 12 channels come from one branch and 4 from the other; each branch can be narrowed by itself.
        Assert.Equal([4, 12], groups.Select(g => g.Size).Order());
    }

    [Theory]
    [MemberData(nameof(TorchGraphTests.Graphs), MemberType = typeof(TorchGraphTests))]
    public void Find_OnAnyGraph_FreezesInputsAndClasses(string name)
    {
        var graph = TorchGraphTests.Named(name);

        var frozen = ChannelDependencies.Find(graph).Where(g => g.Frozen).Select(g => g.Size).ToHashSet();

        Assert.Contains(TestGraphs.Classes, frozen);
        Assert.Contains(3, frozen);
    }

    [Theory]
    [MemberData(nameof(TorchGraphTests.Graphs), MemberType = typeof(TorchGraphTests))]
    public void Student_ExtractedFromSharedWeights_ComputesWhatItsSliceDoes(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using var batch = torch.tensor(TestGraphs.Images(16), [16, 3, TestGraphs.Size, TestGraphs.Size]);
        var graph = BatchNormInsertion.Apply(TorchGraphTests.Named(name), [batch]);
        var groups = ChannelDependencies.Find(graph);
        var shapes = new[] { 1.0, 0.5, 0.25 }.Select(w => new ShapeCatalogue(graph, groups, channelMultiple: 2).At(w, taper: 0) with { Name = $"w{w}" }).ToArray();
        using var weights = new StudentWeights(graph, groups, shapes);

        for (var s = 0; s < shapes.Length; s++)
        {
            var sliced = new TorchGraph(weights.Graphs[s], bfloat16: false).Run(torch.tensor(TestGraphs.Images(8), [8, 3, TestGraphs.Size, TestGraphs.Size]), weights.Student(s), training: false).ToFloats();
            TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(weights.Extract(s)), sliced, 1e-4f);
        }
        TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(graph), TorchGraphTests.Interpreted(weights.Extract(0)), 1e-4f);
        Assert.True(GraphStatistics.Of(weights.Extract(2)).Macs < GraphStatistics.Of(weights.Extract(1)).Macs);
    }

    private static bool Holds(ChannelGroup group, string constant, int axis) => group.Channels[0].Positions.ContainsKey(new ConstantAxis(constant, axis));
}
