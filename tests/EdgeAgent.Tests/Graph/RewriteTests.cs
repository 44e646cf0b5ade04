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
        AssertSame(graph, ComposeOperators.Apply(graph));
        foreach (var keepsLstm in new[] { true, false })
            AssertSame(graph, UnrollRecurrences.Apply(graph, keepsLstm));
    }

    /// <summary>A batch of 1 that is written out, where other axes are 1 too: as recurrent layers are converted, and as a flattened number is.</summary>
    /// <summary>Attention among the steps of a sequence that has no batch: its first axis looks like one.</summary>
    [Fact]
    public void DynamicBatch_OfAnAxisThatIsNormalized_StaysFixed()
    {
        var test = new TestGraph(3);
        var sequence = test.Node(new Reshape([1, -1, 8]), test.Input(8));
        var weights = test.Node(new Softmax(-1), test.Node(new MatMul(), sequence, test.Node(new Transpose([0, 2, 1]), sequence)));
        var graph = test.Build(test.Node(new Reshape([-1, 8]), test.Node(new MatMul(), weights, sequence)));
        var steps = graph with { Inputs = [graph.Inputs[0] with { Shape = [16, 8] }], Outputs = [graph.Outputs[0] with { Shape = [16, 8] }] };

        Assert.Equal([16, 8], DynamicBatch.Apply(steps.Verify()).Inputs[0].Shape);
    }

    [Fact]
    public void DynamicBatch_WithOtherAxesOfOne_FreesTheAxisToInfer()
    {
        var test = new TestGraph(1);
        var x = test.Input(4);
        var fixedBatch = test.Build(test.Node(new Reshape([-1, 1, 4]), test.Node(new Transpose([2, 1, 0, 3]), test.Node(new Reshape([1, 1, -1, 4]), x))));
        fixedBatch = fixedBatch with { Inputs = [fixedBatch.Inputs[0] with { Shape = [1, 4] }] };
        var freed = DynamicBatch.Apply(fixedBatch);
        var input = Tensor.Of([1f, 2, 3, 4, 5, 6, 7, 8], 2, 4);
        var output = new GraphInterpreter(freed).Run(new Dictionary<string, Tensor> { ["x0"] = input }).Values.Single();
        Assert.Equal([2, 1, 4], output.Shape);
        Assert.Equal(input.Floats, output.Floats);
        var number = new TestGraph(1);
        var one = number.Build(number.Node(new Reshape([1, -1]), number.Node(new GlobalAveragePool(), number.Input(1, 5, 5))));
        one = one with { Inputs = [one.Inputs[0] with { Shape = [1, 1, 5, 5] }] };
        Assert.Equal([-1, 1], DynamicBatch.Apply(one).Outputs[0].Shape);
    }

    [Fact]
    public void UnrollRecurrences_AllLayers_LeavesNone()
    {
        foreach (var (name, make) in OperatorGraphs.All)
            Assert.DoesNotContain(UnrollRecurrences.Apply(make(), keepsLstm: false).Nodes, n => n.Op is RecurrentOperator);
    }

    [Fact]
    public void UnrollRecurrences_OpenNumberOfSteps_NamesTheNode()
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new Gru(2, RecurrentDirection.Forward, ["Sigmoid", "Tanh"], false), test.Input(1, 3), test.Weights(1, 1, 6, 3), test.Weights(1, 1, 6, 2)));
        var fault = Assert.Throws<InvalidGraphException>(() => UnrollRecurrences.Apply(graph, keepsLstm: true));
        Assert.Contains("'GRU_0' (GRU): its number of steps is open", fault.Message);
    }

    /// <summary>As Keras, PyTorch, ONNX's function and this importer order the factors.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void FuseGelu_AnyOrderOfFactors_MakesOneNode(int order)
    {
        var test = new TestGraph(1);
        string Number(float value) => test.Constant(Tensor.Of([value]));
        var x = test.Input(50);
        var argument = order % 2 == 0 ? test.Node(new Mul(), x, Number(0.70710677f)) : test.Node(new Div(), x, Number(1.4142135f));
        var raised = test.Node(new Add(), test.Node(new Erf(), argument), Number(1));
        var graph = test.Build(order switch
        {
            0 => test.Node(new Mul(), test.Node(new Mul(), x, Number(0.5f)), raised),
            1 => test.Node(new Mul(), test.Node(new Mul(), x, raised), Number(0.5f)),
            2 => test.Node(new Mul(), x, test.Node(new Mul(), Number(0.5f), raised)),
            _ => test.Node(new Mul(), raised, test.Node(new Mul(), Number(0.5f), x)),
        });
        var fused = FuseGelu.Apply(graph);
        Assert.IsType<Gelu>(Assert.Single(fused.Nodes).Op);
        AssertSame(graph, fused);
    }

    [Fact]
    public void FuseGelu_OtherFactor_LeavesIt()
    {
        var test = new TestGraph(1);
        var x = test.Input(50);
        var raised = test.Node(new Add(), test.Node(new Erf(), test.Node(new Mul(), x, test.Constant(Tensor.Of([0.70710677f])))), test.Constant(Tensor.Of([1f])));
        var graph = test.Build(test.Node(new Mul(), test.Node(new Mul(), x, raised), test.Constant(Tensor.Of([0.4f]))));
        Assert.DoesNotContain(FuseGelu.Apply(graph).Nodes, n => n.Op is Gelu);
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

    [Fact]
    public void ForQuantization_OfANetworkOfSlices_ComputesTheSame()
    {
        var graph = OperatorGraphs.SlicedNet(seed: 1);
        AssertSame(graph, Simplification.ForQuantization(graph));
    }

    /// <summary>As Keras models end: the mean of each channel, a batch-norm, dense layers with one behind a ReLU.</summary>
    [Fact]
    public void FoldIntoDense_OfBatchNormsOfVectors_LeavesDenseLayersOnly()
    {
        var test = new TestGraph(1);
        var pooled = test.BatchNorm(test.Node(new ReduceMean([2, 3], false), test.Input(6, 4, 4)), 6);
        var hidden = test.Node(new Relu(), test.Node(new Add(), test.Node(new MatMul(), pooled, test.Weights(1, 6, 8)), test.Weights(1, 8)));
        var scaled = test.Node(new Mul(), test.BatchNorm(hidden, 8), test.Constant(Tensor.Of([0.5f])));
        // Two readers, each of which takes the norm into its weights.
        var graph = test.Build(test.Dense(scaled, 8, 5), test.Node(new MatMul(), scaled, test.Weights(1, 8, 3)));
        var rewritten = Simplification.ForQuantization(graph);
        Assert.Equal(["GlobalAveragePool", "Flatten", "Gemm", "Relu", "Gemm", "Gemm"], rewritten.Nodes.Select(n => n.Op.Type));
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void AffineToDepthwise_OfABatchNormThatNoDenseLayerReads_MakesAConvolutionOfOnePixel()
    {
        var test = new TestGraph(1);
        var normed = test.Node(new Relu(), test.BatchNorm(test.Node(new Relu(), test.Dense(test.Input(4), 4, 6)), 6));
        var graph = test.Build(test.Dense(normed, 6, 3));
        var rewritten = Simplification.ForQuantization(graph);
        Assert.Equal(["Gemm", "Relu", "Reshape", "Conv", "Reshape", "Relu", "Gemm"], rewritten.Nodes.Select(n => n.Op.Type));
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void PReluToArithmetic_OfSlopesByChannel_LeavesNone()
    {
        var test = new TestGraph(1);
        var x = test.Node(new PRelu(), test.Conv(test.Input(3, 6, 6), 3, 5), test.Weights(0.5f, 5, 1, 1));
        x = test.Node(new PRelu(), x, test.Constant(Tensor.Of([0.25f])));
        x = test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), x)), 5, 4);
        var graph = test.Build(test.Node(new PRelu(), x, test.Weights(0.5f, 4)));
        var rewritten = Simplification.ForQuantization(graph);
        Assert.DoesNotContain(rewritten.Nodes, n => n.Op is PRelu or Mul);
        Assert.Single(rewritten.Nodes, n => n.Op is LeakyRelu { Alpha: 0.25f });
        AssertSame(graph, rewritten);
    }

    [Fact]
    public void PReluToArithmetic_OfSlopesByPixel_LeavesIt()
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new PRelu(), test.Input(3, 2, 2), test.Weights(0.5f, 3, 2, 2)));
        Assert.Contains(Simplification.ForQuantization(graph).Nodes, n => n.Op is PRelu);
    }

    [Theory]
    [InlineData(new long[] { 2, 1, 0 }, 2, -1)]
    [InlineData(new long[] { -1, -3 }, 4, -2)]
    [InlineData(new long[] { 1, 2, 3 }, 1, 1)]
    [InlineData(new long[] { 3 }, 3, 1)]
    public void GatherToSlice_OfIndicesAtOneDistance_TakesTheSame(long[] indices, int start, int step)
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new Gather(1), test.Input(5, 2, 2), test.Constant(Tensor.Of(indices, indices.Length))));
        var rewritten = GatherToSlice.Apply(graph).Verify();
        var slice = Assert.IsType<StridedSlice>(Assert.Single(rewritten.Nodes).Op);
        Assert.Equal((start, step), (slice.Starts[0], slice.Steps[0]));
        AssertSame(graph, rewritten);
    }

    [Theory]
    [InlineData(new long[] { 0, 2, 1 })]
    [InlineData(new long[] { 1, 1 })]
    public void GatherToSlice_OfOtherIndices_LeavesIt(long[] indices)
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new Gather(1), test.Input(5, 2, 2), test.Constant(Tensor.Of(indices, indices.Length))));
        Assert.IsType<Gather>(Assert.Single(GatherToSlice.Apply(graph).Nodes).Op);
    }

    /// <summary>A model that takes its images with channels last and turns RGB to BGR first.</summary>
    [Fact]
    public void PlanarInputs_OfReversedChannels_LeavesNoTranspose()
    {
        var test = new TestGraph(1);
        var reversed = test.Node(new StridedSlice([-1], [int.MinValue], [3], [-1]), test.Input(6, 5, 3));
        var graph = test.Build(test.Conv(test.Node(new Transpose([0, 3, 1, 2]), reversed), 3, 4));
        var planar = PlanarInputs.Apply(graph);
        Assert.DoesNotContain(planar.Nodes, n => n.Op is Transpose);
        var images = TestGraph.Inputs(planar, batch: 2);
        var turn = new TestGraph(1);
        var last = new GraphInterpreter(turn.Build(turn.Node(new Transpose([0, 2, 3, 1]), turn.Input(3, 6, 5)))).Run(images).Values.Single();
        Assert.Equal(new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { ["x0"] = last }).Values.Single().Floats, new GraphInterpreter(planar).Run(images).Values.Single().Floats);
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
