using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;
using EdgeAgent.Tests.Graph.Onnx;

namespace EdgeAgent.Tests.Graph;

/// <summary>The stand-in for a user's large model, on real images.</summary>
public class CifarModelTests
{
    [Fact]
    public void Interpreter_OnRealImages_AgreesWithOnnxRuntime()
    {
        var path = Repository.Shared("models", "cifar10_resnet18.onnx");
        var graph = ModelImporter.Load(path);
        var inputs = Images(graph, 64);
        var expected = OnnxRuntimeReference.Run(File.ReadAllBytes(path), inputs)["logits"];
        var actual = new GraphInterpreter(graph).Run(inputs)["logits"];
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.All(expected.Floats.Zip(actual.Floats), p => Assert.InRange(MathF.Abs(p.First - p.Second), 0, 1e-4f));
    }

    [Fact]
    public void Statistics_OfResNet18_AreItsPublishedOnes()
    {
        var statistics = GraphStatistics.Of(ModelImporter.Load(Repository.Shared("models", "cifar10_resnet18.onnx")));
        Assert.Equal(555_422_720, statistics.Macs);
        Assert.InRange(statistics.Parameters, 11_160_000, 11_180_000);
        Assert.Contains(new("Conv", 20), statistics.Operators);
    }

    [Fact]
    public void Exporter_OfImportedModel_WritesAFileThatReadsBack()
    {
        var graph = ModelImporter.Load(Repository.Shared("models", "cifar10_resnet18.onnx"));
        using var folder = new TemporaryFolder();
        OnnxExporter.Write(graph, folder.File("copy.onnx"));
        Assert.Equal(graph.Nodes.Count, ModelImporter.Load(folder.File("copy.onnx")).Nodes.Count);
    }

    internal static Dictionary<string, Tensor> Images(GraphSpec graph, int count)
    {
        using var images = LabelledImages.Open(Repository.Shared("data", "cifar10-test.zip"));
        var preprocessing = new Preprocessing(32, 32);
        var pixels = new float[count * preprocessing.Length];
        // A stride through the classes: consecutive files are of one class.
        for (var i = 0; i < count; i++)
            preprocessing.Apply(ImageDecoder.Decode(images.Read(i * images.Count / count)), pixels.AsSpan(i * preprocessing.Length, preprocessing.Length));
        return new() { [graph.Inputs[0].Name] = Tensor.Of(pixels, count, 3, 32, 32) };
    }
}
