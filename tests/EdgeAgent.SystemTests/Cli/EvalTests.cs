using System.IO.Compression;
using System.Text.Json;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class EvalTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("interpreter")]
    [InlineData("onnxruntime")]
    public async Task Json_OfAnOnnxModel_HoldsTheContract(string engine) => Holds(await EvalAsync(_data.Model(), "--engine", engine), engine);

    [Fact]
    public async Task Json_OfAPlan_HoldsTheContract() => Holds(await EvalAsync(_data.Plan()), "int8");

    [Fact]
    public async Task Zip_OfTheSameImages_GivesTheSameResult()
    {
        var folder = _data.Images();
        ZipFile.CreateFromDirectory(folder, _data.PathOf("images.zip"));
        var model = _data.Model();
        var first = await EdgectlProcess.RunAsync("eval", "--model", model, "--data", folder, "--json");
        var second = await EdgectlProcess.RunAsync("eval", "--model", model, "--data", _data.PathOf("images.zip"), "--json");
        Assert.Equal(first.Json().GetRawText(), second.Json().GetRawText());
    }

    [Fact]
    public async Task WrongImages_LowerTheAccuracy()
    {
        var folder = _data.Images(perClass: 4);
        _data.Write("images/a-red/wrong.png", ColourData.Png(label: 2, seed: 0));
        var json = (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", folder, "--json")).Json();
        Assert.Equal(12.0 / 13, json.GetProperty("top1").GetDouble(), 1e-9);
    }

    [Fact]
    public async Task ImagesThatDoNotDecode_AreSkippedCountedAndNamed()
    {
        var folder = _data.Images();
        _data.Write("images/b-green/broken.jpg", "not a picture"u8.ToArray());
        _data.Write("images/c-blue/cut.png", ColourData.Png(2, 0)[..40]);
        var run = await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", folder, "--json");
        var json = run.Json();
        Assert.Equal(12, json.GetProperty("samples").GetInt32());
        Assert.Equal(["b-green/broken.jpg", "c-blue/cut.png"], json.GetProperty("skipped").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
        Assert.Contains("skipped b-green/broken.jpg", run.Error);
    }

    [Fact]
    public async Task OtherNumberOfClassesThanOutputs_FailsInOneLine()
    {
        var folder = _data.Images();
        _data.Write("images/d-grey/0.png", ColourData.Png(0, 0));
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", folder)).FailsWith(1, "3 outputs", "4 classes");
    }

    [Fact]
    public async Task EmptyClass_FailsByName()
    {
        var folder = _data.Images();
        Directory.CreateDirectory(_data.PathOf("images/hollow"));
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", folder)).FailsWith(1, "'hollow' is empty");
    }

    [Fact]
    public async Task OneClassOnly_FailsByName()
    {
        _data.Write("one/red/0.png", ColourData.Png(0, 0));
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", _data.PathOf("one"))).FailsWith(1, "one class only ('red')");
    }

    [Fact]
    public async Task MissingData_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", _data.PathOf("nowhere"))).FailsWith(1, "nowhere", "no such folder");

    [Fact]
    public async Task PlanOnAnotherEngine_FailsWithWhatToDo() =>
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Plan(), "--data", _data.Images(), "--engine", "onnxruntime")).FailsWith(1, "plan", "--engine int8");

    [Fact]
    public async Task OnnxOnInt8_FailsWithWhatToDo() =>
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", _data.Images(), "--engine", "int8")).FailsWith(1, "model.plan");

    [Fact]
    public async Task Preprocessing_AsGiven_ReachesTheModel()
    {
        // A scale of zero makes all inputs equal: every image is then the first class.
        var run = await EdgectlProcess.RunAsync(
            "eval", "--model", _data.Model(), "--data", _data.Images(), "--json",
            "--preprocessing", $$"""{"width":{{ColourData.Side}},"height":{{ColourData.Side}},"scale":0}""");
        Assert.Equal(1.0 / 3, run.Json().GetProperty("top1").GetDouble(), 1e-9);
    }

    [Fact]
    public async Task Preprocessing_OfAnotherSize_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("eval", "--model", _data.Model(), "--data", _data.Images(), "--preprocessing", """{"width":5,"height":5}""")).FailsWith(1, "5 x 5");

    private async Task<JsonElement> EvalAsync(string model, params string[] more) =>
        (await EdgectlProcess.RunAsync(["eval", "--model", model, "--data", _data.Images(), "--json", .. more])).Json();

    private static void Holds(JsonElement json, string engine)
    {
        Assert.Equal(
            ["schema", "engine", "samples", "top1", "top3", "interval", "dataSha256", "skipped"],
            json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(engine, json.GetProperty("engine").GetString());
        Assert.Equal(12, json.GetProperty("samples").GetInt32());
        Assert.Equal(1, json.GetProperty("top1").GetDouble());
        Assert.Equal(1, json.GetProperty("top3").GetDouble());
        Assert.Equal(64, json.GetProperty("dataSha256").GetString()!.Length);
        // Wilson, 12 of 12: [12 / (12 + 1.96^2), 1].
        Assert.Equal(0.7575, json.GetProperty("interval")[0].GetDouble(), 1e-4);
        Assert.Equal(1, json.GetProperty("interval")[1].GetDouble(), 1e-12);
    }
}
