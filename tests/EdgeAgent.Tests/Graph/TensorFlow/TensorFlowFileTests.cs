using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>TensorFlow files written by the test itself, against the layers' definitions.</summary>
public class TensorFlowFileTests
{
    [Fact]
    public void FrozenGraph_OfANetwork_ComputesItsLayers()
    {
        var network = new SmallNetwork(seed: 2);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("graph.pb"), TensorFlowFile.FrozenGraph(network));
        AssertComputes(network, ModelImporter.Load(folder.File("graph.pb")), "image");
    }

    [Theory]
    [InlineData(nameof(WeightStorage.ReferenceVariables))]
    [InlineData(nameof(WeightStorage.ResourceVariables))]
    public void SavedModel_OfEitherVersion_ComputesItsLayers(string storage)
    {
        var network = new SmallNetwork(seed: 3);
        using var folder = new TemporaryFolder();
        TensorFlowFile.Write(folder.Path, TensorFlowFile.SavedModel(network, Enum.Parse<WeightStorage>(storage)));
        var graph = ModelImporter.Load(folder.Path);
        AssertComputes(network, graph, "image");
        Assert.Equal("probabilities", graph.Outputs.Single().Name);
    }

    private static void AssertComputes(SmallNetwork network, GraphSpec graph, string input)
    {
        Assert.Equal(input, graph.Inputs.Single().Name);
        Assert.Equal([-1, SmallNetwork.Height, SmallNetwork.Width, SmallNetwork.Channels], graph.Inputs[0].Shape);
        var images = network.Images(3);
        ChannelsLastMath.AssertClose(network.Expected(images), KerasFileTests.Run(graph, images));
    }
}
