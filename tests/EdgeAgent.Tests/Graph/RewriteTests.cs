using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Tests.Graph;

public class RewriteTests
{
    public static IEnumerable<TheoryDataRow<string>> Graphs => OperatorGraphs.All.Keys.Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Rewrites_AnyGraph_ComputeTheSame(string name)
    {
        var graph = OperatorGraphs.All[name]();
        AssertSame(graph, Simplification.Apply(graph));
        AssertSame(graph, Simplification.ForQuantization(graph));
    }

    [Fact]
    public void FoldBatchNorm_AfterConvolutions_LeavesNone()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 1);
        Assert.Equal(3, graph.Nodes.Count(n => n.Op is BatchNormalization));
        Assert.DoesNotContain(Simplification.Apply(graph).Nodes, n => n.Op is BatchNormalization);
    }

    [Fact]
    public void FoldBatchNorm_WhereTheConvolutionHasOtherReaders_LeavesIt()
    {
        var test = new TestGraph(1);
        var x = test.Conv(test.Input(3, 5, 5), 3, 4);
        var graph = test.Build(test.Node(new Add(), test.BatchNorm(x, 4), x));
        var folded = FoldBatchNorm.Apply(graph);
        Assert.Contains(folded.Nodes, n => n.Op is BatchNormalization);
        AssertSame(graph, folded);
    }

    [Fact]
    public void AffineToDepthwise_OfAnInputsNormalisation_MakesOneConvolution()
    {
        var test = new TestGraph(1);
        var x = test.Node(new Sub(), test.Input(3, 8, 8), test.Weights(1, 1, 3, 1, 1));
        x = test.Node(new Div(), x, test.Constant(Tensor.Of([0.5f, 0.25f, 2f], 3, 1, 1)));
        var graph = test.Build(test.Conv(x, 3, 4));
        var rewritten = Simplification.ForQuantization(graph);
        Assert.Equal([3, 1], rewritten.Nodes.Select(n => ((Conv)n.Op).Groups));
        AssertSame(graph, rewritten);
    }

    /// <summary>A network as NHWC frameworks export it: every convolution between two Transposes.</summary>
    [Fact]
    public void CancelTransposes_OfAnNhwcNetwork_LeavesNone()
    {
        int[] toNchw = [0, 3, 1, 2], toNhwc = [0, 2, 3, 1];
        var test = new TestGraph(1);
        string Conv(string x, int channels, int outputs) =>
            test.Node(new Transpose(toNhwc), test.Conv(test.Node(new Transpose(toNchw), x), channels, outputs));
        var x = test.Node(new Transpose(toNhwc), test.Input(3, 8, 10));
        var a = test.Node(new Relu(), test.Node(new Add(), Conv(x, 3, 6), test.Weights(1, 6)));
        var b = test.Node(new Add(), Conv(a, 6, 6), a);
        var joined = test.Node(new Concat(3), test.Node(new Pad([0, 1, 0, 0, 0, 0, 2, 0], 0), b), test.Node(new Pad([0, 1, 0, 0, 0, 0, 2, 0], 1), a));
        var mean = test.Node(new ReduceMean([1, 2], true), joined);
        var graph = test.Build(test.Dense(test.Node(new Reshape([0, -1]), mean), 12, 5));
        var rewritten = Simplification.Apply(graph);
        Assert.DoesNotContain(rewritten.Nodes, n => n.Op is Transpose);
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void MergeReshapes_OfAChain_LeavesOneOrNone()
    {
        var test = new TestGraph(1);
        var pixel = test.Node(new Reshape([-1, 6, 1, 1]), test.Node(new Reshape([0, 1, 1, 6]), test.Node(new Flatten(1), test.Input(2, 3))));
        var graph = test.Build(test.Conv(pixel, 6, 4, kernel: 1));
        var merged = MergeReshapes.Apply(graph).Verify();
        Assert.Equal([0, 6, 1, 1], ((Reshape)Assert.Single(merged.Nodes, n => n.Op is Reshape or Flatten).Op).Shape);
        AssertSame(graph, merged);
        var round = new TestGraph(1);
        var back = round.Build(round.Dense(round.Node(new Reshape([0, 6]), round.Node(new Reshape([0, 3, 2]), round.Input(6))), 6, 2));
        Assert.Single(MergeReshapes.Apply(back).Nodes);
        AssertSame(back, MergeReshapes.Apply(back));
    }

    [Fact]
    public void DropIdentities_BeforeAnOutput_KeepsTheOutputsName()
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new Identity(), test.Dense(test.Input(4), 4, 3)));
        var rewritten = DropIdentities.Apply(graph).Verify();
        Assert.Single(rewritten.Nodes);
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void ConstantFolding_OfArithmeticOnWeights_ComputesIt()
    {
        var test = new TestGraph(1);
        var weights = test.Node(new Transpose([1, 0]), test.Node(new Mul(), test.Weights(1, 5, 4), test.Weights(1, 4)));
        var graph = test.Build(test.Node(new MatMul(), test.Input(4), weights));
        var rewritten = ConstantFolding.Apply(graph);
        Assert.Single(rewritten.Nodes);
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void DynamicBatch_OfAFixedBatch_FreesIt()
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Dense(test.Node(new Reshape([0, 12]), test.Input(3, 2, 2)), 12, 3));
        var fixedBatch = graph with
        {
            Inputs = [graph.Inputs[0] with { Shape = [1, 3, 2, 2] }],
            Nodes = [graph.Nodes[0] with { Op = new Reshape([1, 12]) }, .. graph.Nodes.Skip(1)],
        };
        var freed = DynamicBatch.Apply(fixedBatch);
        Assert.Equal([-1, 3, 2, 2], freed.Inputs[0].Shape);
        Assert.Equal([-1, 3], freed.Outputs[0].Shape);
        Assert.Equal([5, 3], new GraphInterpreter(freed).Run(TestGraph.Inputs(freed, batch: 5)).Values.Single().Shape);
    }

    internal static void AssertSame(GraphSpec expected, GraphSpec actual, float tolerance = 1e-4f)
    {
        var inputs = TestGraph.Inputs(expected, batch: 2);
        var (before, after) = (new GraphInterpreter(expected).Run(inputs), new GraphInterpreter(actual).Run(inputs));
        Assert.Equal(before.Keys, after.Keys);
        foreach (var (name, tensor) in before)
        {
            Assert.Equal(tensor.Shape, after[name].Shape);
            if (tensor.Data is float[] values)
                Assert.All(values.Zip(after[name].Floats), p => Assert.InRange(p.Second, p.First - tolerance * MathF.Max(1, MathF.Abs(p.First)), p.First + tolerance * MathF.Max(1, MathF.Abs(p.First))));
            else
                Assert.Equal(tensor.Data, after[name].Data);
        }
    }
}
