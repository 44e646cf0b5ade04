using System.Text.Json.Nodes;
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

    /// <summary>Several layers of each class, with and without weights, under their own names, which look like names of groups.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Archive_OfKeras2_GivesEveryLayerItsOwnWeights(bool windows)
    {
        var (file, random) = (new KerasFile(), new TestGraph(3));
        var x = file.Input(6, 4);
        for (var i = 0; i < 3; i++)
        {
            x = file.Layer("Conv1D", new() { ["filters"] = 4, ["kernel_size"] = 3, ["padding"] = "same" }, [("kernel", random.Random(1, 3, 4, 4)), ("bias", random.Random(1, 4))], x);
            x = file.Layer("Activation", new() { ["activation"] = "tanh" }, (IReadOnlyList<(string, Tensor)>)[], x);
        }
        for (var i = 0; i < 3; i++)
            x = file.Layer("SimpleRNN", new() { ["units"] = 4, ["return_sequences"] = true },
                [("cell", "kernel", random.Random(1, 4, 4)), ("cell", "recurrent_kernel", random.Random(1, 4, 4)), ("cell", "bias", random.Random(1, 4))], x);
        x = file.Layer("BatchNormalization", new() { ["scale"] = false }, [("beta", random.Random(1, 4)), ("moving_mean", random.Random(1, 4)), ("moving_variance", Tensor.Of([1f, 2, 3, 4], 4))], x);
        var output = file.Layer("Dense", new() { ["units"] = 2 }, [("kernel", random.Random(1, 4, 2)), ("bias", random.Random(1, 2))], x);
        var sequence = random.Random(1, 2, 6, 4);
        // The older format names the weights of every layer.
        ChannelsLastMath.AssertClose(Run(Load(file.ToHdf5(output), ".h5"), sequence), Run(Load(file.ToKeras2Archive(windows, output), ".keras"), sequence));
    }

    /// <summary>x A B by two models of one layer each, which lie in groups in groups.</summary>
    [Theory]
    [InlineData('/')]
    [InlineData('\\')]
    public void Archive_OfKeras2WithNestedModels_GivesThemTheirWeights(char separator)
    {
        static string Nested(string name, string reads) => $$$"""
            {"class_name": "Sequential", "name": "{{{name}}}", "config": {"name": "{{{name}}}", "layers": [
              {"class_name": "InputLayer", "config": {"name": "{{{name}}}_in", "batch_input_shape": [null, 2], "dtype": "float32"}},
              {"class_name": "Dropout", "config": {"name": "{{{name}}}_dropout", "rate": 0.5}},
              {"class_name": "Dense", "config": {"name": "{{{name}}}_dense", "units": 2, "activation": "linear", "use_bias": false}}]}, "inbound_nodes": [[["{{{reads}}}", 0, 0, {}]]]}
            """;
        var configuration = $$$"""
            {"class_name": "Functional", "config": {"name": "outer", "layers": [
              {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [null, 2], "dtype": "float32"}, "inbound_nodes": []},
              {{{Nested("sequential_1", "x")}}}, {{{Nested("sequential_2", "sequential_1")}}}],
              "input_layers": [["x", 0, 0]], "output_layers": [["sequential_2", 0, 0]]}}
            """;
        var root = new Hdf5Group();
        foreach (var (name, kernel) in new[] { ("sequential", Tensor.Of([1f, 2, 3, 4], 2, 2)), ("sequential_2", Tensor.Of([0f, 1, 10, 0], 2, 2)) })
            foreach (var (layer, weights) in ((string, Tensor?)[])[("dropout", null), ("dense", kernel)])
            {
                var group = string.Join(separator, "_layer_checkpoint_dependencies", name, "_layer_checkpoint_dependencies", layer);
                root.At(group + "/vars");
                if (weights is not null)
                    root.Add(group + "/vars/0", weights);
            }
        // x A = [16, 22] for [1, 5]; x A B = [220, 16].
        Assert.Equal([220f, 16], Run(Load(KerasFile.Archive(configuration, Hdf5Writer.Write(root), "2.15.0"), ".keras"), Tensor.Of([1f, 5], 1, 2)).Floats);
    }

    /// <summary>(x / 2 + 1 - mean) / sqrt(variance + 1): the layer casts, and the norm has the name it had in TensorFlow 1.</summary>
    [Fact]
    public void ImageOfBytes_IsCastByTheLayerThatScales()
    {
        var file = new KerasFile();
        IReadOnlyList<(string, Tensor)> none = [];
        var x = file.Layer("InputLayer", new() { ["batch_input_shape"] = new JsonArray(null, 2, 2), ["dtype"] = "uint8" }, none);
        x = file.Layer("Rescaling", new() { ["scale"] = 0.5, ["offset"] = 1 }, none, x);
        var output = file.Layer("BatchNormalizationV1", new() { ["scale"] = false, ["center"] = false, ["epsilon"] = 1, ["axis"] = new JsonArray(2) }, [("moving_mean", Tensor.Of([1f, 2], 2)), ("moving_variance", Tensor.Of([3f, 8], 2))], x);
        var graph = Load(file.ToHdf5(output), ".h5");
        Assert.Equal(ElementType.UInt8, graph.Inputs[0].Type);
        ChannelsLastMath.AssertClose(Tensor.Of([63.75f, 0, 1, 1 / 3f], 1, 2, 2), Run(graph, Tensor.Of(new byte[] { 255, 2, 4, 4 }, 1, 2, 2)));
    }

    [Fact]
    public void LayersOfTraining_DoNothing()
    {
        var file = new KerasFile();
        var x = file.Input(2, 2, 3);
        foreach (var type in (string[])["RandomErasing", "RandomFlip", "RandomGrayscale", "RandomHue", "RandomSaturation", "RandomShear"])
            x = file.Layer(type, [], (IReadOnlyList<(string, Tensor)>)[], x);
        var image = new TestGraph(1).Random(1, 1, 2, 2, 3);
        Assert.Equal(image.Floats, Run(Load(file.ToArchive(x), ".keras"), image).Floats);
    }

    [Theory]
    [InlineData("celu", new[] { -0.8646647f, 0, 1 })]
    [InlineData("log_softmax", new[] { -3.3490122f, -1.3490122f, -0.3490122f })]
    public void Activation_ByName_IsItsFunction(string name, float[] expected)
    {
        var file = new KerasFile();
        var output = file.Layer("Activation", new() { ["activation"] = name }, (IReadOnlyList<(string, Tensor)>)[], file.Input(3));
        ChannelsLastMath.AssertClose(Tensor.Of(expected, 1, 3), Run(Load(file.ToArchive(output), ".keras"), Tensor.Of([-2f, 0, 1], 1, 3)));
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
