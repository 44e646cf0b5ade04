using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Tests.Graph;

/// <summary>What inspect tells of a graph: memory, layers, quantization.</summary>
public class StatisticsTests
{
    /// <summary>A skip connection is kept while its branch is computed; shapes cost nothing.</summary>
    [Fact]
    public void PeakBytes_OfAResidualBlock_KeepsTheSkip()
    {
        var test = new TestGraph(1);
        var x = test.Conv(test.Input(2, 4, 4), 2, 3);
        var y = test.Conv(test.Conv(x, 3, 8), 8, 3);
        var graph = test.Build(test.Node(new Flatten(1), test.Node(new Add(), x, y)));
        // While the second convolution of the branch runs: skip, its input and its output.
        Assert.Equal((3 + 8 + 3) * 16 * 4, ActivationMemory.PeakBytes(graph));
    }

    [Fact]
    public void PeakBytes_OfAQuantizedNetwork_CountsBytesAndNoFloatsBetween()
    {
        var test = new TestGraph(1);
        var x = test.Node(new Clip(-0.5f, 0.5f), test.Conv(test.Input(2, 4, 4), 2, 8));
        var graph = test.Build(test.Dense(test.Node(new Flatten(1), x), 128, 3));
        var qdq = Quantized(graph);
        // The float image and its integers; integers and what the convolution makes of them; these and three floats.
        Assert.Equal(new[] { 32 * 4 + 32, 32 + 128, 128 + 12 }.Max(), ActivationMemory.PeakBytes(qdq));
        Assert.Equal((32 + 2 * 128 - 32) * 4, ActivationMemory.PeakBytes(graph));
    }

    [Fact]
    public void Layers_OfAQuantizedNetwork_HaveTheParametersOfTheFloatOne()
    {
        var graph = Simplification.ForQuantization(OperatorGraphs.ResidualNet(seed: 1));
        var (before, after) = (GraphStatistics.Layers(graph), GraphStatistics.Layers(Quantized(graph)));
        Assert.Equal(before.Where(l => l.Macs > 0).Select(l => (l.Type, l.Parameters, l.Macs)), after.Where(l => l.Macs > 0).Select(l => (l.Type, l.Parameters, l.Macs)));
        Assert.Equal(GraphStatistics.Of(graph).Macs, before.Sum(l => l.Macs));
        Assert.All(before, l => Assert.Equal(-1, l.Shape[0]));
    }

    [Fact]
    public void QuantizationSummary_OfQdqAndFloat_TellsWhich()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 1);
        Assert.Null(QuantizationSummary.Of(graph));
        Assert.Equal(new("uint8", "int8", true, 6, 6), QuantizationSummary.Of(Quantized(Simplification.ForQuantization(graph))));
    }

    [Theory]
    [InlineData("kws_int8.tflite", 10)]
    [InlineData("ic_resnet8_int8.tflite", 10)]
    public void QuantizationSummary_OfAnInt8TfLiteModel_IsInt8Throughout(string file, int layers)
    {
        var summary = QuantizationSummary.Of(ModelImporter.Load(Repository.Shared("models", file)))!;
        Assert.Equal(("int8", "int8", true, layers, layers), (summary.Activations, summary.Weights, summary.PerChannel, summary.QuantizedLayers, summary.Layers));
    }

    private static GraphSpec Quantized(GraphSpec graph)
    {
        graph = Simplification.ForQuantization(graph);
        var activations = MinMaxCalibration.Run(graph, [TestGraph.Inputs(graph, batch: 4)], ActivationFormat.UInt8);
        return QdqRewrite.Apply(graph, new(ActivationFormat.UInt8, activations, new Dictionary<string, float[]>()));
    }
}
