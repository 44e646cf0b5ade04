using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using static EdgeAgent.Tests.Graph.RewriteTests;

namespace EdgeAgent.Tests.Graph;

/// <summary>Models with their channels last, on their way to the int8 engine, which has none.</summary>
public class ChannelsLastTests
{
    private static readonly int[] _toPlanar = [0, 3, 1, 2], _fromPlanar = [0, 2, 3, 1];

    [Theory]
    [InlineData("ic_resnet8.h5", "ic_resnet8")]
    [InlineData("ic_resnet8_float.tflite", "ic_resnet8")]
    [InlineData("vww_96.h5", "vww_96")]
    [InlineData("vww_96_float.tflite", "vww_96")]
    public void FloatModel_QuantizedByCalibration_EqualsTheSimulationToTheByteInThePlan(string file, string golden)
    {
        var graph = Simplification.ForQuantization(PlanarInputs.Apply(ModelImporter.Load(Repository.Shared("models", file))));
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Transpose);
        var samples = Planar(Npy.Read(Repository.Shared("golden", golden + ".input.npy")));
        Assert.Equal(graph.Inputs[0].Shape[1..], samples.Shape[1..]);
        var (simulated, executed) = Quantized(graph, samples, ActivationFormat.UInt8);
        AssertSameBits(graph, simulated, executed);
        // Sixteen samples are few to calibrate by; a plan that reads the wrong layout finds hardly any class.
        Assert.InRange(SameClass(executed, Npy.Read(Repository.Shared("golden", golden + ".output.npy")).Floats, 16), 13, 16);
    }

    [Theory]
    [InlineData(ActivationFormat.UInt8)]
    [InlineData(ActivationFormat.Int8)]
    public void NetworkOfNhwcLayers_QuantizedByCalibration_EqualsTheSimulationToTheByteInThePlan(ActivationFormat format)
    {
        var original = Network(seed: 3);
        var graph = Simplification.ForQuantization(PlanarInputs.Apply(original));
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Transpose);
        var inputs = TestGraph.Inputs(original, batch: 64).Values.Single();
        var (simulated, executed) = Quantized(graph, Planar(inputs), format);
        Assert.Equal(simulated, executed);
        var expected = new GraphInterpreter(original).Run(new Dictionary<string, Tensor> { [original.Inputs[0].Name] = inputs }).Values.Single().Floats;
        Assert.InRange(SameClass(executed, expected, 64), 56, 64);
    }

    [Fact]
    public void PlanarInputs_OfAnNhwcNetwork_ComputeTheSameOfTurnedImages()
    {
        var graph = Network(seed: 4);
        var planar = PlanarInputs.Apply(graph);
        Assert.Equal([-1, 3, 8, 6], planar.Inputs[0].Shape);
        var input = TestGraph.Inputs(graph, batch: 2).Values.Single();
        AssertClose(Run(graph, input), Run(planar, Planar(input)));
    }

    [Fact]
    public void PlanarInputs_OfAPlanarNetwork_LeaveItAlone()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 1);
        Assert.Same(graph.Nodes, PlanarInputs.Apply(graph).Nodes);
    }

    [Theory]
    [InlineData("gemm")]
    [InlineData("matmul")]
    [InlineData("activation")]
    [InlineData("norm")]
    [InlineData("arithmetic")]
    [InlineData("square")]
    [InlineData("two layers")]
    public void FoldTransposes_BeforeDenseLayers_LeaveNoneAndComputeTheSame(string reader)
    {
        var test = new TestGraph(5);
        var flat = test.Node(new Reshape([0, -1]), test.Node(new Transpose(_fromPlanar), test.Conv(test.Input(3, 4, 5), 3, 2)));
        var graph = test.Build(reader switch
        {
            "gemm" => test.Dense(flat, 40, 3),
            "matmul" => test.Node(new MatMul(), flat, test.Weights(1, 40, 3)),
            "activation" => test.Dense(test.Node(new Tanh(), test.Node(new Relu(), flat)), 40, 3),
            "norm" => test.Dense(test.BatchNorm(flat, 40), 40, 3),
            "arithmetic" => test.Dense(test.Node(new Sub(), test.Weights(1, 1, 40), test.Node(new Mul(), flat, test.Weights(1, 40))), 40, 3),
            "square" => test.Dense(test.Node(new Mul(), flat, flat), 40, 3),
            _ => test.Node(new Add(), test.Dense(flat, 40, 3), test.Dense(test.Node(new Relu(), flat), 40, 3)),
        });
        var folded = FoldTransposes.Apply(graph).Verify();
        Assert.DoesNotContain(folded.Nodes, n => n.Op is Transpose);
        AssertSame(graph, folded);
    }

    /// <summary>Where the order of features can be seen from outside, or goes where no weights follow, the Transpose is not dropped.</summary>
    [Theory]
    [InlineData("output")]
    [InlineData("softmax")]
    [InlineData("two values")]
    public void FoldTransposes_WhereTheOrderMatters_KeepIt(string reader)
    {
        var test = new TestGraph(6);
        var flat = test.Node(new Flatten(1), test.Node(new Transpose(_fromPlanar), test.Conv(test.Input(3, 4, 5), 3, 2)));
        var graph = reader switch
        {
            "output" => test.Build(test.Dense(flat, 40, 3), flat),
            "softmax" => test.Build(test.Dense(test.Node(new Softmax(1), flat), 40, 3)),
            _ => test.Build(test.Dense(test.Node(new Mul(), flat, test.Node(new Sigmoid(), flat)), 40, 3)),
        };
        var folded = FoldTransposes.Apply(graph);
        Assert.Contains(folded.Nodes, n => n.Op is Transpose);
        AssertSame(graph, folded);
    }

    /// <summary>A quantized model in which the features of an image are flattened with their channels last, as TensorFlow Lite has them.</summary>
    [Fact]
    public void QuantizedNetwork_ThatFlattensChannelsLast_EqualsTheSimulationToTheByteInThePlan()
    {
        var test = new TestGraph(7);
        var flat = test.Node(new Flatten(1), test.Node(new Relu(), test.Conv(test.Input(3, 4, 5), 3, 2)));
        var qdq = Quantize(test.Build(test.Dense(flat, 40, 3)), TestGraph.Inputs(test.Build(flat), batch: 16).Values.Single(), ActivationFormat.UInt8);
        var flatten = qdq.Nodes.Single(n => n.Op is Flatten);
        var channelsLast = qdq with
        {
            Nodes = [.. qdq.Nodes.SelectMany(n => n == flatten
                ? new[] { new Node("last", new Transpose(_fromPlanar), n.Inputs, ["last"]), n with { Inputs = ["last"] } }
                : [n])],
        };
        var input = TestGraph.Inputs(qdq, batch: 8);
        var expected = new Int8Simulation(FloatInterface.Apply(channelsLast)).Run(input).Values.Single().Floats;
        Assert.Equal(expected, Execute(channelsLast, input.Values.Single()));
        // The interpreter computes the Transpose itself, so that both being wrong alike would show.
        AssertClose(new GraphInterpreter(channelsLast).Run(input).Values.Single(), Tensor.Of(expected, 8, 3));
    }

    /// <summary>Normalised input, residual addition, a pool that pads, and a head that flattens 3 x 2 x 5 features with the channels last.</summary>
    private static GraphSpec Network(int seed)
    {
        var test = new TestGraph(seed);
        string Conv(string x, int channels, int outputs, int stride = 1) =>
            test.Node(new Transpose(_fromPlanar), test.Conv(test.Node(new Transpose(_toPlanar), x), channels, outputs, stride: stride));
        var x = test.Node(new Mul(), test.Node(new Sub(), test.Input(8, 6, 3), test.Weights(1, 3)), test.Constant(Tensor.Of([0.5f])));
        var a = test.Node(new Relu(), Conv(x, 3, 5));
        var b = test.Node(new Relu(), test.Node(new Add(), Conv(a, 5, 5), a));
        var pooled = test.Node(new Transpose(_fromPlanar), test.Node(new MaxPool(new([2, 2], [2, 2], [0, 0, 0, 0], [1, 1]), false), test.Node(new Transpose(_toPlanar), Conv(b, 5, 5))));
        return test.Build(test.Dense(test.Node(new Reshape([0, 60]), pooled), 60, 4));
    }

    private static (float[] Simulated, float[] Executed) Quantized(GraphSpec graph, Tensor samples, ActivationFormat format)
    {
        var qdq = Quantize(graph, samples, format);
        return (new Int8Simulation(qdq).Run(new Dictionary<string, Tensor> { [qdq.Inputs[0].Name] = samples }).Values.Single().Floats, Execute(qdq, samples));
    }

    private static GraphSpec Quantize(GraphSpec graph, Tensor samples, ActivationFormat format)
    {
        graph = Simplification.ForQuantization(graph);
        var activations = MinMaxCalibration.Run(graph, [new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = samples }], format);
        return QdqRewrite.Apply(graph, new(format, activations, new Dictionary<string, float[]>()));
    }

    private static float[] Execute(GraphSpec qdq, Tensor samples)
    {
        using var model = PlanModel.Load(PlanLowering.Lower(qdq));
        using var executor = new PlanExecutor(model, threads: 1);
        var (size, outputs) = (samples.Count / samples.Shape[0], model.OutputShape.Count);
        var result = new float[samples.Shape[0] * outputs];
        for (var i = 0; i < samples.Shape[0]; i++)
            executor.Run(samples.Floats.AsSpan(i * size, size), result.AsSpan(i * outputs, outputs));
        return result;
    }

    /// <summary>A last Softmax is computed in float on both sides, each with its own exponential.</summary>
    private static void AssertSameBits(GraphSpec graph, float[] simulated, float[] executed)
    {
        if (graph.Nodes.Any(n => n.Op is Softmax))
            Assert.All(simulated.Zip(executed), p => Assert.InRange(p.Second, p.First - 1e-6f, p.First + 1e-6f));
        else
            Assert.Equal(simulated, executed);
    }

    private static int SameClass(float[] first, float[] second, int count)
    {
        var classes = first.Length / count;
        return Enumerable.Range(0, count).Count(i => Best(first, i) == Best(second, i));

        int Best(float[] scores, int sample) => Array.IndexOf(scores, scores.AsSpan(sample * classes, classes).ToArray().Max(), sample * classes) - sample * classes;
    }

    private static Tensor Run(GraphSpec graph, Tensor input) =>
        new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = input }).Values.Single();

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(p.Second, p.First - 1e-4f * MathF.Max(1, MathF.Abs(p.First)), p.First + 1e-4f * MathF.Max(1, MathF.Abs(p.First))));
    }

    private static Tensor Planar(Tensor images)
    {
        var moved = new float[images.Count];
        Layout.Transpose<float>(_toPlanar, images.Floats, images.Shape, moved);
        return Tensor.Of(moved, images.Shape[0], images.Shape[3], images.Shape[1], images.Shape[2]);
    }
}
