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

    /// <summary>x K + x K K by one layer in a model that is called twice: Keras counts the calls of a nested model from 1.</summary>
    [Fact]
    public void NestedModel_CalledTwice_HasItsCallsCountedFromOne()
    {
        const string configuration = """
            {"class_name": "Functional", "config": {"name": "outer", "layers": [
              {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 3], "dtype": "float32"}, "inbound_nodes": []},
              {"class_name": "Functional", "name": "inner", "config": {"name": "inner", "layers": [
                {"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_input_shape": [null, 3], "dtype": "float32"}, "inbound_nodes": []},
                {"class_name": "Dense", "name": "dense", "config": {"name": "dense", "units": 3, "activation": "linear", "use_bias": false}, "inbound_nodes": [[["i", 0, 0, {}]]]}],
                "input_layers": [["i", 0, 0]], "output_layers": [["dense", 0, 0]]}, "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]},
              {"class_name": "Add", "name": "sum", "config": {"name": "sum"}, "inbound_nodes": [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]}],
              "input_layers": [["x", 0, 0]], "output_layers": [["sum", 0, 0]]}}
            """;
        var root = new Hdf5Group();
        root.Attributes["keras_version"] = "2.11.0";
        root.Attributes["model_config"] = configuration;
        var weights = root.At("model_weights");
        weights.Attributes["layer_names"] = new List<string> { "x", "inner", "sum" };
        var inner = weights.At("inner");
        inner.Attributes["weight_names"] = new List<string> { "dense/kernel:0" };
        inner.Add("dense/kernel:0", Tensor.Of([0f, 1, 0, 0, 0, 2, 3, 0, 0], 3, 3));
        var graph = Load(Hdf5Writer.Write(root), ".h5");
        // x K = [3c, a, 2b]; x K K = [6b, 3c, 2a].
        Assert.Equal([3f * 7 + 6 * 5, 1 + 3 * 7, 2 * 5 + 2 * 1], Run(graph, Tensor.Of([1f, 5, 7], 1, 3)).Floats);
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
