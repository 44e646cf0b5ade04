using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Tests.Graph;

public class DropQuantizationTests
{
    /// <summary>What is left of the difference is the rounding of the weights: a Relu or Relu6 that the quantization had swallowed must be back.</summary>
    [Theory]
    [MemberData(nameof(QuantizationTests.Networks), MemberType = typeof(QuantizationTests))]
    public void Apply_ToAQuantizedNetwork_ComputesWhatTheFloatNetworkDoes(string network, ActivationFormat format)
    {
        var qdq = QuantizationTests.Quantized(network, format);
        var floats = DropQuantization.Apply(qdq);
        var inputs = TestGraph.Inputs(floats, 64, seed: 2);

        Assert.DoesNotContain(floats.Nodes, n => n.Op is QuantizeLinear or DequantizeLinear);
        Assert.All(floats.Constants.Values, c => Assert.Equal(ElementType.Float32, c.Type));
        var expected = new GraphInterpreter(QuantizationTests.Network(network)).Run(inputs).Values.Single().Floats;
        var actual = new GraphInterpreter(floats).Run(inputs).Values.Single().Floats;
        Assert.InRange(SignalToNoise(expected, actual), 25, double.PositiveInfinity);
    }

    [Fact]
    public void Apply_ToRangesFromZero_PutsActivationsWhereValuesCanBeNegative()
    {
        var test = new TestGraph(3);
        var six = test.Node(new Clip(0, 6), test.Conv(test.Input(3, 8, 8), 3, 8));
        var pooled = test.Node(new MaxPool(Window.Of(2, 2), false), six);
        var graph = Simplification.ForQuantization(test.Build(test.Dense(test.Node(new Flatten(1), test.Node(new Relu(), test.Conv(pooled, 8, 8))), 8 * 16, 10)));
        var activations = QuantizationPoints.Of(graph).Values.ToDictionary(v => v, v => new ActivationQuantization(v == six ? 6f / 255 : 0.1f, (byte)(v == "x0" ? 128 : 0)));
        var qdq = QdqRewrite.Apply(graph, new(ActivationFormat.UInt8, activations, new Dictionary<string, float[]>()));
        Assert.DoesNotContain(qdq.Nodes, n => n.Op is Relu or Clip);

        Assert.Equal([new Clip(0, 6), new Relu()], DropQuantization.Apply(qdq).Nodes.Where(n => n.Op is Relu or Clip).Select(n => n.Op));
    }

    [Fact]
    public void Apply_ToAFloatGraph_ReturnsIt()
    {
        var graph = QuantizationTests.Network("residual");
        Assert.Same(graph, DropQuantization.Apply(graph));
    }

    /// <summary>Integers at both ends, images with their channels last.</summary>
    [Theory]
    [InlineData("ic_resnet8")]
    [InlineData("vww_96")]
    public void Apply_ToARealInt8File_AnswersAsTheFloatModelOnGoldenInputs(string name)
    {
        var graph = FloatInterface.OfNumbers(ModelImporter.Load(Repository.Shared("models", name + "_int8.tflite")));
        var (input, expected) = (Npy.Read(Repository.Shared("golden", name + ".input.npy")), Npy.Read(Repository.Shared("golden", name + ".output.npy")));

        var floats = DropQuantization.Apply(graph);
        var actual = new GraphInterpreter(floats).Run(new Dictionary<string, Tensor> { [floats.Inputs[0].Name] = input })[floats.Outputs[0].Name].Floats;

        Assert.DoesNotContain(floats.Nodes, n => n.Op is QuantizeLinear or DequantizeLinear);
        // Probabilities of two networks that were quantized and not: most agree closely.
        Assert.InRange(expected.Floats.Zip(actual).Average(p => Math.Abs(p.First - p.Second)), 0, 0.03);
    }

    private static double SignalToNoise(float[] expected, float[] actual) =>
        10 * Math.Log10(expected.Sum(e => (double)e * e) / Math.Max(1e-12, expected.Zip(actual).Sum(p => Math.Pow((double)p.First - p.Second, 2))));
}
