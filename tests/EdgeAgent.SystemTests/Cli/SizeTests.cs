using System.Globalization;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary><c>--size</c> on every command that opens a model: the same option, for images whose size the file leaves open.</summary>
public sealed class SizeTests : IDisposable
{
    private static readonly string Side = ColourData.Side.ToString(CultureInfo.InvariantCulture);

    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Inspect_OfAnySize_ShowsTheSizesGiven()
    {
        var json = (await EdgectlProcess.RunAsync("inspect", "--size", "20,24", _data.OfAnySize(_data.Model()), "--json")).Json();
        Assert.Equal([-1, 3, 20, 24], json.GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
    }

    [Theory]
    [InlineData("interpreter")]
    [InlineData("onnxruntime")]
    public async Task Eval_OfAnySize_ReadsImagesOfTheSizeGiven(string engine)
    {
        var json = (await EdgectlProcess.RunAsync("eval", "--model", _data.OfAnySize(_data.Model()), "--data", _data.Images(), "--engine", engine, "--size", Side, "--json")).Json();
        Assert.Equal(1, json.GetProperty("top1").GetDouble());
    }

    [Fact]
    public async Task Bench_OfAnySize_RunsBesideAPlan()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--model", _data.OfAnySize(_data.Model()), "--against", _data.Plan(), "--seconds", "0.5", "--size", Side, "--json")).Json();
        Assert.True(json.GetProperty("p50Us").GetDouble() > 0);
    }

    [Fact]
    public async Task Quantize_OfAnySize_WritesAModelOfTheSizeGiven()
    {
        var target = _data.PathOf("int8.onnx");
        Assert.Equal(0, (await EdgectlProcess.RunAsync("quantize", "--model", _data.OfAnySize(_data.Network()), "--out", target, "--images", "8", "--size", Side)).ExitCode);
        var json = (await EdgectlProcess.RunAsync("inspect", target, "--json")).Json();
        Assert.Equal([-1, 3, ColourData.Side, ColourData.Side], json.GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
    }

    [Fact]
    public async Task Prune_OfAnySize_TrainsAtTheSizeGiven()
    {
        var run = await EdgectlProcess.RunAsync("prune", "--json", "--model", _data.OfAnySize(_data.Network()), "--data", _data.Images(perClass: 20), "--times", "2", "--rounds", "1", "--budget", "4s", "--out", _data.PathOf("pruned"), "--size", Side);
        var (teacher, pruned) = (run.Json().GetProperty("teacher"), run.Json().GetProperty("pruned"));
        Assert.True(pruned.GetProperty("parameters").GetInt64() * 2 <= teacher.GetProperty("parameters").GetInt64());
    }

    [Theory]
    [InlineData("inspect", "MODEL")]
    [InlineData("eval", "--model", "MODEL", "--data", "IMAGES")]
    [InlineData("eval", "--model", "MODEL", "--data", "IMAGES", "--engine", "interpreter")]
    [InlineData("bench", "--model", "MODEL")]
    [InlineData("quantize", "--model", "MODEL", "--out", "OUT.onnx")]
    [InlineData("prune", "--model", "MODEL", "--data", "IMAGES", "--times", "2", "--out", "OUT")]
    [InlineData("compress", "--model", "MODEL", "--data", "IMAGES", "--profile", "raspberry-pi-4", "--out", "OUT")]
    public async Task OpenSize_NotGiven_FailsInOneLineThatNamesTheOption(params string[] arguments) =>
        (await EdgectlProcess.RunAsync(Filled(arguments, _data.OfAnySize(_data.Model())))).FailsWith(1, "any-size.onnx", "--size");

    [Theory]
    [InlineData("inspect", "MODEL", "--size", "8")]
    [InlineData("eval", "--model", "MODEL", "--data", "IMAGES", "--size", "8")]
    [InlineData("bench", "--model", "MODEL", "--size", "8")]
    public async Task Size_OfAModelThatLeavesNoneOpen_FailsInOneLine(params string[] arguments)
    {
        (await EdgectlProcess.RunAsync(Filled(arguments, _data.Model()))).FailsWith(1, "model.onnx", "no size open");
        (await EdgectlProcess.RunAsync(Filled(arguments, _data.Plan()))).FailsWith(1, "model.plan", "no size open");
    }

    [Theory]
    [InlineData("inspect", "MODEL", "--size", "8,8,8")]
    [InlineData("eval", "--model", "MODEL", "--data", "IMAGES", "--size", "8,8,8")]
    public async Task MoreSizesThanAreOpen_FailInOneLine(params string[] arguments) =>
        (await EdgectlProcess.RunAsync(Filled(arguments, _data.OfAnySize(_data.Model())))).FailsWith(1, "any-size.onnx", "2 sizes open");

    [Theory]
    [InlineData("0")]
    [InlineData("8,")]
    [InlineData("8x8")]
    public async Task Size_ThatIsNone_IsWrongUsage(string size) =>
        (await EdgectlProcess.RunAsync("inspect", _data.OfAnySize(_data.Model()), "--size", size)).FailsWith(2, "--size", "224,160");

    private string[] Filled(string[] arguments, string model) => [.. arguments.Select(a => a switch
    {
        "MODEL" => model,
        "IMAGES" => _data.Images(),
        "OUT" or "OUT.onnx" => _data.PathOf(a),
        _ => a,
    })];
}
