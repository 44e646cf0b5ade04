using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Compression.Tests.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Family;

public sealed class MobileBlocksTests
{
    private const int Images = 64;

    static MobileBlocksTests() => TorchRuntime.Prepare();

    public static TheoryData<string, int> Teachers() => new()
    {
        { "residual", 2 }, { "concat-depthwise", 1 }, { "small-resnet", 6 }, { "factored-gated", 4 },
    };

    [Theory]
    [MemberData(nameof(Teachers))]
    public void Apply_OnAnyTeacher_ReplacesItsFullConvolutionsBehindTheSameInterface(string name, int expected)
    {
        var (normed, mobile) = Mobile(TorchGraphTests.Named(name));

        Assert.Equal(normed.Nodes.Count(n => n.Op is Conv) + expected, mobile.Nodes.Count(n => n.Op is Conv));
        Assert.Equal(mobile.Nodes.Count(n => n.Op is Conv), mobile.Nodes.Count(n => n.Op is BatchNormalization));
        // Only what sees the image is left of full windows.
        var full = Assert.Single(mobile.Nodes, n => n.Op is Conv { Groups: 1 } conv && conv.Window.Kernel.Any(k => k > 1));
        Assert.Equal(3, mobile.Constants[full.Inputs[1]].Shape[1]);
        var (before, after) = (ShapeInference.Infer(normed, 2), ShapeInference.Infer(mobile, 2));
        Assert.All(normed.Nodes, n => Assert.Equal(before[n.Output].Shape, after[n.Output].Shape));
        Assert.True(GraphStatistics.Of(mobile).Macs < GraphStatistics.Of(normed).Macs);
        // The same channels can be taken away as before.
        Assert.Equal(Sizes(normed), Sizes(mobile));
        TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(mobile), Computed(mobile), 1e-3f);

        static (int, bool)[] Sizes(GraphSpec graph) => [.. ChannelDependencies.Find(graph).Select(g => (g.Size, g.Frozen)).Order()];
    }

    [Theory]
    [MemberData(nameof(Teachers))]
    public void Apply_OnAnyTeacher_KeepsTheMomentsOfEveryConvolution(string name, int _)
    {
        var (normed, mobile) = Mobile(TorchGraphTests.Named(name));
        var norms = normed.Nodes.Where(n => n.Op is BatchNormalization).Select(n => n.Output).ToHashSet();
        using var batch = Batch();

        var (teacher, student) = (BatchNormInsertion.Measure(normed, norms, [batch]), BatchNormInsertion.Measure(mobile, norms, [batch]));

        foreach (var norm in norms)
        {
            // Images times pixels less one is what the running variance divides by.
            TorchGraphTests.AssertClose(teacher[norm].Mean, student[norm].Mean, 0.02f);
            TorchGraphTests.AssertClose([.. teacher[norm].Variance.Select(MathF.Sqrt)], [.. student[norm].Variance.Select(MathF.Sqrt)], 0.02f);
        }
    }

    [Fact]
    public void Apply_OnConvolutionsThatAreSeparable_ComputesTheSame()
    {
        var graph = TestGraphs.FactoredGated();
        var random = new Random(11);
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        foreach (var node in graph.Nodes.Where(n => n.Op is Conv { Groups: 1 }))
        {
            var shape = graph.Constants[node.Inputs[1]].Shape;
            var taps = shape[2] * shape[3];
            if (shape[1] == 3 || taps == 1)
                continue;
            float[] filters = Floats(shape[1] * taps), outputs = Floats(shape[0] * shape[1]);
            constants[node.Inputs[1]] = Tensor.Of([.. Enumerable.Range(0, shape[0] * shape[1] * taps).Select(i => outputs[i / taps] * filters[i % (shape[1] * taps)])], shape);
        }
        var (normed, mobile) = Mobile(graph with { Constants = constants });

        // But for the running variances of a finite sample.
        TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(normed), TorchGraphTests.Interpreted(mobile), 0.02f);

        float[] Floats(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * 0.6f)];
    }

    [Fact]
    public void Apply_OnADepthwiseTeacher_HasNothingToDo()
    {
        using var batch = Batch();
        Assert.Null(MobileBlocks.Apply(BatchNormInsertion.Apply(TestGraphs.Depthwise(), [batch]), () => [batch]));
    }

    /// <summary>No other filters, each with the output weights that suit it best, come closer.</summary>
    [Fact]
    public void Factors_OfAnyWeights_AreTheClosest()
    {
        var random = new Random(5);
        const int outputs = 6, inputs = 3, taps = 9;
        var weight = Tensor.Of([.. Enumerable.Range(0, outputs * inputs * taps).Select(_ => random.NextSingle() - 0.3f)], outputs, inputs, 3, 3);
        double[] scales = [.. Enumerable.Range(0, outputs).Select(_ => 0.1 + 3 * random.NextDouble())];
        var (depthwise, pointwise) = MobileBlocks.Factors(weight, scales);

        for (var c = 0; c < inputs; c++)
        {
            var best = Error(c, depthwise.AsSpan(c * taps, taps).ToArray().Select(v => (double)v).ToArray(), [.. Enumerable.Range(0, outputs).Select(o => (double)pointwise[o * inputs + c])]);
            for (var trial = 0; trial < 200; trial++)
            {
                // Half of them close by, where a wrong maximum would show.
                double[] v = [.. Enumerable.Range(0, taps).Select(i => (trial % 2 == 0 ? 0 : depthwise[c * taps + i]) + (random.NextDouble() - 0.5) * (trial % 2 == 0 ? 2 : 0.05))];
                var norm = v.Sum(x => x * x);
                double[] u = [.. Enumerable.Range(0, outputs).Select(o => Enumerable.Range(0, taps).Sum(i => v[i] * Weight(o, c, i)) / norm)];
                Assert.True(Error(c, v, u) >= best - 1e-6);
            }
        }

        double Weight(int o, int c, int i) => weight.Floats[(o * inputs + c) * taps + i];
        double Error(int c, double[] v, double[] u) =>
            Enumerable.Range(0, outputs).Sum(o => scales[o] * scales[o] * Enumerable.Range(0, taps).Sum(i => Math.Pow(Weight(o, c, i) - u[o] * v[i], 2)));
    }

    /// <summary>Slices of both kinds have one optimizer, and no weight in common.</summary>
    [Fact]
    public void Weights_OfBothKinds_AreTwoSetsWithNamesOfTheirOwn()
    {
        var (normed, mobile) = Mobile(TorchGraphTests.Named("small-resnet"));
        var teacher = new TrainableTeacher(normed, ChannelDependencies.Find(normed), 0) { Mobile = SliceableModel.Of(mobile) };
        StudentShape[] shapes =
        [
            new ShapeCatalogue(mobile, teacher.Mobile.Groups, 2, BlockKind.Mobile).At(0.5) with { Name = "m" },
            new ShapeCatalogue(normed, teacher.Groups, 2).At(0.5) with { Name = "w" },
            new ShapeCatalogue(mobile, teacher.Mobile.Groups, 2, BlockKind.Mobile).At(0.25) with { Name = "n" },
        ];
        using var weights = teacher.Weights(shapes);

        Assert.Equal(weights.State.Count(), weights.State.DistinctBy(s => s.Name).Count());
        for (var s = 0; s < shapes.Length; s++)
            TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(WeightScaling.Apply(teacher.Narrowed(shapes[s]))), TorchGraphTests.Interpreted(weights.Extract(s)), 1e-2f);
        // The narrower of two of a kind is a view of the wider one's numbers.
        var pointwise = weights.Trained.First(t => t.Name.EndsWith("__pointwise", StringComparison.Ordinal));
        var (before, others) = (weights.Extract(2), weights.Extract(1));
        using (torch.no_grad())
            pointwise.Value.zero_();
        Assert.NotEqual(TorchGraphTests.Interpreted(before), TorchGraphTests.Interpreted(weights.Extract(2)));
        Assert.Equal(TorchGraphTests.Interpreted(others), TorchGraphTests.Interpreted(weights.Extract(1)));
    }

    /// <summary>A teacher with its batch-norms, and what becomes of it.</summary>
    internal static (GraphSpec Normed, GraphSpec Mobile) Mobile(GraphSpec teacher)
    {
        using var batch = Batch();
        // As a run does: the norms that a teacher brings are folded away, and those it gets have the statistics of the images.
        var normed = BatchNormInsertion.Apply(Simplification.Apply(teacher), [batch]);
        return (normed, MobileBlocks.Apply(normed, () => [batch])!);
    }

    private static torch.Tensor Batch() => torch.tensor(TestGraphs.Images(Images, seed: 3), [Images, 3, TestGraphs.Size, TestGraphs.Size]);

    private static float[] Computed(GraphSpec graph)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        return new TorchGraph(graph, bfloat16: false).Run(torch.tensor(TestGraphs.Images(8), [8, 3, TestGraphs.Size, TestGraphs.Size]), parameters.Lookup, training: false).ToFloats();
    }
}
