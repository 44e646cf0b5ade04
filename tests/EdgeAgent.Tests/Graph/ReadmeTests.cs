using EdgeAgent.Graph.Import.Onnx;

namespace EdgeAgent.Tests.Graph;

public class ReadmeTests
{
    [Fact]
    public void Readme_ListOfOperators_IsTheImporters()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "EdgeAgent.Graph", "README.md"));
        var start = readme.IndexOf("<!-- operators: onnx -->", StringComparison.Ordinal) + "<!-- operators: onnx -->".Length;
        var listed = readme[start..readme.IndexOf("<!-- end -->", start, StringComparison.Ordinal)].Trim();
        Assert.Equal(string.Join(", ", OnnxOperators.Supported), listed);
    }
}
