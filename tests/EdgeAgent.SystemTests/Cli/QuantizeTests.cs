using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary><c>edgectl quantize</c> as a user runs it.</summary>
public sealed class QuantizeTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("int8.onnx")]
    [InlineData("int8.plan")]
    [InlineData("int8.tflite")]
    public async Task Quantize_WithoutImages_WritesAModelThatEvalReads(string name)
    {
        var (model, images) = (_data.Network(), _data.Images());
        var run = await EdgectlProcess.RunAsync("quantize", "--json", "--model", model, "--out", _data.PathOf(name), "--images", "32");
        var report = run.Json();
        Assert.True(report.GetProperty("generated").GetBoolean());
        Assert.Contains("generated images", run.Error);
        Assert.Equal(4, report.GetProperty("ways").GetArrayLength());
        Assert.InRange(report.GetProperty("timesSmaller").GetDouble(), 3.5, 4.1);
        // The written file computes: random weights have no accuracy to speak of.
        var eval = await EdgectlProcess.RunAsync("eval", "--json", "--model", _data.PathOf(name), "--data", images);
        Assert.Equal(12, eval.Json().GetProperty("samples").GetInt32());
    }

    [Fact]
    public async Task Quantize_WithImages_KeepsWhatTheModelKnows()
    {
        var images = _data.Images(perClass: 20);
        var run = await EdgectlProcess.RunAsync("quantize", "--json", "--model", _data.Model(), "--data", images, "--out", _data.PathOf("int8.onnx"));
        Assert.False(run.Json().GetProperty("generated").GetBoolean());
        Assert.Equal(60, run.Json().GetProperty("images").GetInt32());
        var eval = await EdgectlProcess.RunAsync("eval", "--json", "--model", _data.PathOf("int8.onnx"), "--data", images);
        Assert.Equal(1, eval.Json().GetProperty("top1").GetDouble());
    }

    [Fact]
    public async Task Quantize_WithImagesOfNoClass_SkipsWhatDoesNotDecode()
    {
        for (var i = 0; i < 8; i++)
            _data.Write($"photos/{i}.png", ColourData.Png(i % 3, i));
        _data.Write("photos/broken.png", [1, 2, 3]);
        var run = await EdgectlProcess.RunAsync("quantize", "--json", "--model", _data.Network(), "--data", _data.PathOf("photos"), "--out", _data.PathOf("int8.onnx"));
        Assert.Equal(8, run.Json().GetProperty("images").GetInt32());
        Assert.Contains("broken.png", run.Error);

        var none = await EdgectlProcess.RunAsync("quantize", "--model", _data.Network(), "--data", Path.GetDirectoryName(_data.Write("empty/readme.txt", [1]))!, "--out", _data.PathOf("none.onnx"));
        none.FailsWith(1, "empty", "holds no images");
    }

    [Fact]
    public async Task AQuantizedModel_IsRefused()
    {
        await EdgectlProcess.RunAsync("quantize", "--model", _data.Network(), "--out", _data.PathOf("int8.onnx"), "--images", "32");
        var again = await EdgectlProcess.RunAsync("quantize", "--model", _data.PathOf("int8.onnx"), "--out", _data.PathOf("again.onnx"));
        again.FailsWith(1, "int8.onnx", "quantized already");
        Assert.False(File.Exists(_data.PathOf("again.onnx")));
    }

    [Theory]
    [InlineData("--out", "model.h5")]
    [InlineData("--out", "model.tflite", "--activations", "u8")]
    [InlineData("--out", "model.onnx", "--images", "0")]
    public async Task WrongUsage_ExitsWith2(params string[] options) =>
        (await EdgectlProcess.RunAsync(["quantize", "--model", _data.Network(), .. options])).FailsWith(2);
}
