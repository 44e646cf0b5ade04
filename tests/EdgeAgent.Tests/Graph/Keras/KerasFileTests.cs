using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>Keras files written by the test itself, against the layers' definitions.</summary>
public class KerasFileTests
{
    [Theory]
    [InlineData(".h5")]
    [InlineData(".keras")]
    public void Network_OfEveryFormat_ComputesItsLayers(string extension)
    {
        var network = new SmallNetwork(seed: 1);
        var (file, output) = network.Keras();
        var images = network.Images(3);
        var graph = Load(extension == ".h5" ? file.ToHdf5(output) : file.ToArchive(output), extension);
        Assert.Equal([-1, SmallNetwork.Height, SmallNetwork.Width, SmallNetwork.Channels], graph.Inputs[0].Shape);
        Assert.Equal(output, graph.Outputs.Single().Name);
        ChannelsLastMath.AssertClose(network.Expected(images), Run(graph, images));
    }

    [Fact]
    public void WrongExtension_IsReadByContent()
    {
        var (file, output) = new SmallNetwork(seed: 1).Keras();
        Assert.Single(Load(file.ToHdf5(output), ".keras").Outputs);
        Assert.Single(Load(file.ToArchive(output), ".h5").Outputs);
    }

    internal static GraphSpec Load(byte[] bytes, string extension)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model" + extension), bytes);
        return ModelImporter.Load(folder.File("model" + extension));
    }

    internal static Tensor Run(GraphSpec graph, params Tensor[] inputs) =>
        new GraphInterpreter(graph).Run(graph.Inputs.Zip(inputs).ToDictionary(p => p.First.Name, p => p.Second))[graph.Outputs[0].Name];
}
