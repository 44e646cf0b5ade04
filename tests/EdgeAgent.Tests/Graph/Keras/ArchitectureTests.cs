using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Tests.Graph.Onnx;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Whole classifiers, read from Keras files, written as ONNX, and held to ONNX Runtime.</summary>
public class ArchitectureTests
{
    /// <summary>
    /// Weights in all, as keras.applications publishes them; of Inception v3 with the 17,216 factors of batch-norms that it leaves
    /// out because they are 1.
    /// </summary>
    [Theory]
    [InlineData("MobileNet v1", 4_253_864)]
    [InlineData("MobileNet v2", 3_538_984)]
    [InlineData("MobileNet v3", 5_507_432)]
    [InlineData("EfficientNet-B0", 5_330_564)]
    [InlineData("ResNet-50", 25_636_712)]
    [InlineData("Inception v3", 23_869_000)]
    [InlineData("NASNet-A mobile", 5_326_716)]
    public void Network_FromKerasAndFromOnnx_ComputesAsOnnxRuntime(string name, long parameters)
    {
        var (file, output) = Architectures.Build(name);
        var graph = KerasFileTests.Load(file.ToHdf5(output), ".h5");
        // Single numbers belong to activations.
        Assert.Equal(parameters, graph.Constants.Values.Where(c => c.Type == ElementType.Float32 && c.Count > 1).Sum(c => (long)c.Count));
        var images = TestGraph.Inputs(graph, batch: 2, range: 1);
        var computed = KerasFileTests.Run(graph, images.Values.Single());
        Assert.Equal([2, 1000], computed.Shape);

        // Every model says something: classes differ, and so do the images'.
        Assert.True(computed.Floats[..1000].Max() > 1.01f / 1000);
        Assert.NotEqual(computed.Floats[..1000], computed.Floats[1000..]);
        var onnx = OnnxExporter.ToBytes(graph);
        AssertSame(OnnxRuntimeReference.Run(onnx, images).Values.Single(), computed);
        var imported = OnnxImporter.Import(onnx, "model.onnx", name, new([]));
        AssertSame(computed, KerasFileTests.Run(imported, images.Values.Single()));
        AssertSame(computed, KerasFileTests.Run(KerasFileTests.Load(file.ToArchive(output), ".keras"), images.Values.Single()));

        // On the way to training and the int8 engine nothing but planar layers is left.
        var ready = Simplification.ForQuantization(PlanarInputs.Apply(graph));
        Assert.DoesNotContain(ready.Nodes, n => n.Op is Transpose or BatchNormalization);
    }

    /// <summary>Probabilities near one thousandth: a hundredth of one is what float32 engines may differ by over a hundred layers.</summary>
    private static void AssertSame(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(p.Second, p.First - 1e-5f - 1e-3f * p.First, p.First + 1e-5f + 1e-3f * p.First));
    }
}
