using EdgeAgent.Tests.Graph.Keras;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class InspectTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Json_OfAnOnnxModel_HoldsTheContract()
    {
        var path = _data.Model();
        var json = (await EdgectlProcess.RunAsync("inspect", path, "--json")).Json();
        Assert.Equal(
            ["schema", "format", "operators", "parameters", "macs", "inputs", "outputs", "modelBytes", "activationBytes", "layers"],
            json.EnumerateObject().Select(p => p.Name));
        Assert.Equal("onnx", json.GetProperty("format").GetString());
        Assert.Equal(new FileInfo(path).Length, json.GetProperty("modelBytes").GetInt64());
        Assert.Equal(0, json.GetProperty("parameters").GetInt64());
        Assert.Equal(3, json.GetProperty("operators").EnumerateArray().Sum(o => o.GetProperty("count").GetInt32()));
        Assert.Contains(json.GetProperty("operators").EnumerateArray(), o => o.GetProperty("type").GetString() == "GlobalAveragePool");
        var input = Assert.Single(json.GetProperty("inputs").EnumerateArray());
        Assert.Equal("float32", input.GetProperty("type").GetString());
        Assert.Equal([-1, 3, ColourData.Side, ColourData.Side], input.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
    }

    [Fact]
    public async Task Json_OfAPlan_HoldsTheContract()
    {
        var json = (await EdgectlProcess.RunAsync("inspect", _data.Plan(), "--json")).Json();
        Assert.Equal("plan", json.GetProperty("format").GetString());
        Assert.Equal([-1, 3], json.GetProperty("outputs")[0].GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.Equal("uint8", json.GetProperty("quantization").GetProperty("activations").GetString());
        Assert.True(json.GetProperty("activationBytes").GetInt64() >= 3 * ColourData.Side * ColourData.Side);
        Assert.Equal(["Quantize", "AveragePool", "Dequantize"], json.GetProperty("layers").EnumerateArray().Select(l => l.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Json_OfANetwork_TellsMemoryAndEveryLayer()
    {
        var json = (await EdgectlProcess.RunAsync("inspect", _data.Network(), "--json")).Json();
        // The two widest convolutions: 256 channels of 8 x 8 in, as many out, 4 bytes each.
        Assert.Equal(2 * 256 * 64 * 4, json.GetProperty("activationBytes").GetInt64());
        Assert.False(json.TryGetProperty("quantization", out _));
        var layers = json.GetProperty("layers").EnumerateArray().ToArray();
        Assert.Equal(["Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"], layers.Select(l => l.GetProperty("type").GetString()));
        Assert.Equal([-1, 64, ColourData.Side, ColourData.Side], layers[0].GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.Equal(64 * 3 * 9 + 64, layers[0].GetProperty("parameters").GetInt64());
        Assert.Equal(64 * 3 * 9 * 64, layers[0].GetProperty("macs").GetInt64());
        Assert.Equal(json.GetProperty("macs").GetInt64(), layers.Sum(l => l.GetProperty("macs").GetInt64()));
        Assert.Equal(json.GetProperty("parameters").GetInt64(), layers.Sum(l => l.GetProperty("parameters").GetInt64()));
    }

    [Fact]
    public async Task Layers_AreListedWhereAskedFor()
    {
        var model = _data.Network();
        Assert.DoesNotContain("64 x 8 x 8", (await EdgectlProcess.RunAsync("inspect", model)).Output);
        var shown = await EdgectlProcess.RunAsync("inspect", model, "--layers");
        Assert.Contains("N x 64 x 8 x 8", shown.Output);
        Assert.Contains("activations need 131.1 kB at batch 1, in float32", shown.Output);
    }

    [Fact]
    public async Task UnsupportedOperator_IsNamedWithItsNode()
    {
        // The operator's name is stored as text; another of the same length keeps the file sound.
        var bytes = File.ReadAllBytes(_data.Model());
        var at = bytes.AsSpan().IndexOf("Relu"u8);
        "Acos"u8.CopyTo(bytes.AsSpan(at));
        (await EdgectlProcess.RunAsync("inspect", _data.Write("odd.onnx", bytes))).FailsWith(1, "odd.onnx", "Acos", "node", "not supported");
    }

    [Fact]
    public async Task TruncatedModel_FailsInOneLine()
    {
        var bytes = File.ReadAllBytes(_data.Model());
        (await EdgectlProcess.RunAsync("inspect", _data.Write("cut.onnx", bytes[..(bytes.Length / 2)]))).FailsWith(1, "cut.onnx");
    }

    [Fact]
    public async Task TruncatedPlan_FailsInOneLine()
    {
        var bytes = File.ReadAllBytes(_data.Plan());
        (await EdgectlProcess.RunAsync("inspect", _data.Write("cut.plan", bytes[..(bytes.Length / 2)]))).FailsWith(1, "cut.plan");
    }

    /// <summary>What a damaged file claims to need never has to be there: with 256 MB for all of the program it is refused as ever.</summary>
    [Fact]
    public async Task Hdf5ThatClaimsAGigabyte_InLittleMemory_FailsInOneLine()
    {
        var root = new Hdf5Group();
        root.At("model_weights");
        root.Attributes["model_config"] = "{}";
        var bytes = Hdf5Writer.Write(root);
        // The size of the heap of names, 8 bytes after its mark.
        BitConverter.GetBytes(1L << 30).CopyTo(bytes, bytes.AsSpan().LastIndexOf("HEAP"u8) + 8);
        var limit = new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = (256 << 20).ToString("x", System.Globalization.CultureInfo.InvariantCulture) };
        (await EdgectlProcess.RunAsync(["inspect", _data.Write("claims.h5", bytes)], limit)).FailsWith(1, "claims.h5", "damaged");
    }

    [Fact]
    public async Task EmptyFile_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("inspect", _data.Write("empty.onnx", []))).FailsWith(1, "empty");

    [Fact]
    public async Task MissingFile_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("inspect", _data.PathOf("nowhere.onnx"))).FailsWith(1, "nowhere.onnx", "no such model file");
}
