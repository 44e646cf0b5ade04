using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Tests.Graph.Onnx;

namespace EdgeAgent.Tests.Graph;

public class PostTrainingQuantizationTests
{
    [Theory]
    [InlineData("residual")]
    [InlineData("depthwise")]
    [InlineData("concat")]
    public void ChannelEqualization_LeavesWhatIsComputed(string network)
    {
        var graph = Simplification.ForQuantization(QuantizationTests.Network(network));
        var inputs = TestGraph.Inputs(graph, 16);
        var equalized = ChannelEqualization.Apply(graph, [inputs]);
        var (expected, actual) = (Run(graph, inputs), Run(equalized, inputs));
        var largest = expected.Max(MathF.Abs);
        Assert.All(expected.Zip(actual), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, 1e-4f * largest));
    }

    /// <summary>Channels whose ranges are a thousand times apart leave the small ones no steps, unless they are brought together.</summary>
    [Fact]
    public void ChannelEqualization_OfUnevenChannels_SavesTheSmallOnes()
    {
        var graph = Uneven();
        var results = PostTrainingQuantization.Run(graph, [TestGraph.Inputs(graph, 32)], ActivationFormat.UInt8);
        var (plain, equalized) = (results.Single(r => r.Method == "plain"), results.Single(r => r.Method == "equalization"));
        Assert.True(equalized.SignalToNoise > plain.SignalToNoise + 15, $"{equalized.SignalToNoise} dB against {plain.SignalToNoise} dB");
    }

    /// <summary>The mean of each channel over the samples is the float graph's again, to what rounding the bias allows.</summary>
    [Fact]
    public void BiasCorrection_BringsTheMeanBack()
    {
        var test = new TestGraph(2);
        var x = test.Input(4, 8, 8);
        // One large weight per channel makes the steps wide, so that the small ones round to nothing.
        var weights = test.Random(0.001f, 6, 4, 3, 3);
        for (var c = 0; c < 6; c++)
            weights.Floats[c * 36] = 1;
        var graph = test.Build(test.Node(new Conv(Window.Of(3, pad: 1), 1), x, test.Constant(weights)));
        var inputs = new Dictionary<string, Tensor> { [x] = Tensor.Of([.. test.Random(1, 8, 4, 8, 8).Floats.Select(v => v + 2)], 8, 4, 8, 8) };
        var corrected = BiasCorrection.Apply(graph, [inputs]);

        var rounded = Rounded(graph, weights);
        var (exact, before, after) = (Means(graph), Means(rounded), Means(Rounded(corrected, weights)));
        for (var c = 0; c < 6; c++)
        {
            Assert.InRange(Math.Abs(after[c] - exact[c]), 0, 1e-4);
        }
        Assert.InRange(before.Zip(exact, (b, e) => Math.Abs(b - e)).Average(), 0.001, 1);

        double[] Means(GraphSpec g) => [.. Run(g, inputs).Select((v, i) => (Channel: i / 64 % 6, v)).GroupBy(v => v.Channel).OrderBy(v => v.Key).Select(v => v.Average(p => (double)p.v))];
    }

    [Theory]
    [InlineData("residual", ActivationFormat.UInt8)]
    [InlineData("depthwise", ActivationFormat.Int8)]
    [InlineData("concat", ActivationFormat.Int8Symmetric)]
    public void Run_GivesTheBestWayFirst_AndAFileThatOnnxRuntimeRunsAlike(string network, ActivationFormat format)
    {
        var graph = Simplification.ForQuantization(QuantizationTests.Network(network));
        var inputs = TestGraph.Inputs(graph, 64);
        var results = PostTrainingQuantization.Run(graph, [inputs], format);
        Assert.Equal(results.OrderByDescending(r => r.SignalToNoise).Select(r => r.Method), results.Select(r => r.Method));
        Assert.InRange(results[0].SignalToNoise, 15, 80);
        var qdq = results[0].Qdq;
        Assert.InRange(QuantizationTests.SameClass(new Int8Simulation(qdq).Run(inputs).Values.Single().Floats, OnnxRuntimeReference.Run(qdq, inputs).Values.Single().Floats), 0.98, 1);
    }

    private static GraphSpec Uneven()
    {
        var test = new TestGraph(4);
        var x = test.Input(3, 12, 12);
        var weights = test.Random(0.4f, 8, 3, 3, 3);
        for (var i = 0; i < weights.Count; i++)
            weights.Floats[i] *= i / 27 % 2 == 0 ? 1000 : 1;
        var hidden = test.Node(new Relu(), test.Node(new Conv(Window.Of(3, pad: 1), 1), x, test.Constant(weights)));
        var reading = test.Random(0.4f, 8, 1, 3, 3);
        for (var i = 0; i < reading.Count; i++)
            reading.Floats[i] *= i / 9 % 2 == 0 ? 0.001f : 1;
        hidden = test.Node(new Relu(), test.Node(new Conv(Window.Of(3, pad: 1), 8), hidden, test.Constant(reading)));
        return Simplification.ForQuantization(test.Build(test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), hidden)), 8, 4)));
    }

    private static GraphSpec Rounded(GraphSpec graph, Tensor weights)
    {
        var scales = WeightQuantization.Scales(weights);
        var quantized = (sbyte[])WeightQuantization.Quantize(weights, scales).Data;
        var size = weights.Count / scales.Length;
        var name = graph.Nodes[0].Inputs[1];
        return graph with { Constants = new Dictionary<string, Tensor>(graph.Constants) { [name] = Tensor.Of([.. quantized.Select((q, i) => q * scales[i / size])], weights.Shape) } };
    }

    private static float[] Run(GraphSpec graph, Dictionary<string, Tensor> inputs) => new GraphInterpreter(graph).Run(inputs).Values.Single().Floats;
}
