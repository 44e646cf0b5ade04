using EdgeAgent.Compression.Passes;
using EdgeAgent.Graph.Export.Onnx;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class RunInputsTests : IDisposable
{
    private readonly TestData _data = new();

    public void Dispose() => _data.Dispose();

    /// <summary>Golden samples, curves and quick judgements are of the first held-out images: they must not all be of the first class.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HeldOutImages_OfClassFolders_ComeInAMixedOrderThatIsAlwaysTheSame(bool given)
    {
        var options = Options() with { ValidationPath = given ? _data.Images : null };
        using var inputs = RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);
        using var again = RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);

        var labels = inputs.Validation.Labels.ToArray();
        Assert.Equal(again.Validation.Labels, labels);
        Assert.All(labels.CountBy(l => l), c => Assert.Equal(labels.Length / TestGraphs.Classes, c.Value));
        Assert.True(labels.Take(labels.Length / TestGraphs.Classes).Distinct().Count() > 1, $"the held-out images come class by class: {string.Join(' ', labels)}");
    }

    private TrainingOptions Options()
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(TestGraphs.Residual(), model);
        return new() { ModelPath = model, DataPath = _data.Images, OutDirectory = Path.Combine(_data.Root, "out") };
    }
}
