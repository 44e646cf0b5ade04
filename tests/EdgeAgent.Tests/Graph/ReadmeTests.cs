using EdgeAgent.Graph.Import.Keras;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Import.TfLite;

namespace EdgeAgent.Tests.Graph;

/// <summary>The lists of operators in the README are those of the importers.</summary>
public class ReadmeTests
{
    [Fact]
    public void Readme_ListOfOnnxOperators_IsTheImporters() => AssertListed("onnx", OnnxOperators.Supported);

    [Fact]
    public void Readme_ListOfTfLiteOperators_IsTheImporters() => AssertListed("tflite", TfLiteOperators.Supported);

    [Fact]
    public void Readme_ListOfTensorFlowOperators_IsTheImporters() => AssertListed("tensorflow", TfOperators.Supported);

    [Fact]
    public void Readme_ListsOfKerasLayersAndActivations_AreTheImporters()
    {
        AssertListed("keras", KerasLayers.Supported);
        AssertListed("keras functions", KerasFunctions.Supported);
        AssertListed("keras activations", KerasActivations.Supported);
    }

    [Fact]
    public void Readme_ListsOfWhatIsMissing_AreTheRest()
    {
        AssertListed("onnx, not", OnnxOperators.Unsupported);
        AssertListed("tflite, not", TfLiteOperators.Unsupported);
    }

    private static void AssertListed(string format, IEnumerable<string> supported)
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "EdgeAgent.Graph", "README.md"));
        var mark = $"<!-- operators: {format} -->";
        var start = readme.IndexOf(mark, StringComparison.Ordinal) + mark.Length;
        var listed = readme[start..readme.IndexOf("<!-- end -->", start, StringComparison.Ordinal)].Trim();
        Assert.Equal(string.Join(", ", supported), listed);
    }
}
