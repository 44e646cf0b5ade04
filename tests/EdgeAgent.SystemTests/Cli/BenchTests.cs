using System.Text.Json;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class BenchTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Json_OfAnOnnxModel_HoldsTheContract()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--model", _data.Model(), "--seconds", "0.5", "--json")).Json();
        Holds(json);
        Assert.Equal("onnxruntime", json.GetProperty("engine").GetString());
    }

    [Fact]
    public async Task Json_OfAPlan_NamesItsKernels()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--model", _data.Plan(), "--seconds", "0.5", "--threads", "2", "--json")).Json();
        Holds(json);
        Assert.Equal("int8", json.GetProperty("engine").GetString());
        Assert.Equal(2, json.GetProperty("threads").GetInt32());
        Assert.NotEmpty(json.GetProperty("kernelSet").GetString()!);
    }

    [Fact]
    public async Task Against_AnotherModel_GivesBothAndTheComparison()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--model", _data.Plan(), "--against", _data.Model(), "--seconds", "0.5", "--json")).Json();
        Holds(json.GetProperty("against"));
        Assert.Equal("onnxruntime", json.GetProperty("against").GetProperty("engine").GetString());
        var ratio = json.GetProperty("against").GetProperty("p50Us").GetDouble() / json.GetProperty("p50Us").GetDouble();
        Assert.Equal(ratio, json.GetProperty("ratioP50").GetDouble(), 1e-9);
        Assert.InRange(json.GetProperty("pValue").GetDouble(), 0, 1);
    }

    [Fact]
    public async Task PerOp_OfAPlan_AccountsForEveryOperator()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--per-op", "--model", _data.Plan(), "--seconds", "0.2", "--json")).Json();
        var operators = json.GetProperty("operators").EnumerateArray().ToList();
        Assert.Equal(json.GetProperty("macs").GetInt64(), operators.Sum(o => o.GetProperty("macs").GetInt64()));
        Assert.Equal(json.GetProperty("totalUs").GetDouble(), operators.Sum(o => o.GetProperty("p50Us").GetDouble()), 1e-6);
        Assert.All(operators, o =>
        {
            Assert.True(o.GetProperty("activationBytes").GetInt64() > 0);
            Assert.Equal(o.GetProperty("gigaMacsPerSecond").GetDouble() / json.GetProperty("peakGigaMacs").GetDouble(), o.GetProperty("shareOfPeak").GetDouble(), 1e-9);
        });
        Assert.Equal("Quantize", operators[0].GetProperty("type").GetString());
        Assert.True(json.GetProperty("arenaBytes").GetInt64() >= json.GetProperty("largestLiveSetBytes").GetInt64());
    }

    [Fact]
    public async Task PerOp_OfAnOnnxModel_SaysWhatItNeeds() =>
        (await EdgectlProcess.RunAsync("bench", "--per-op", "--model", _data.Model())).FailsWith(1, "model.plan");

    [Fact]
    public async Task Roofline_Json_HoldsTheContract()
    {
        var json = (await EdgectlProcess.RunAsync("bench", "--roofline", "--json")).Json();
        foreach (var name in (string[])["int8GigaMacs", "float32GigaMacs", "copyGBps", "fillGBps"])
            Assert.True(json.GetProperty(name).GetDouble() > 0, name);
        Assert.NotEmpty(json.GetProperty("kernelSet").GetString()!);
        Assert.All(json.GetProperty("reads").EnumerateArray(), r => Assert.True(r.GetProperty("bytes").GetInt64() > 0 && r.GetProperty("gBps").GetDouble() > 0));
        Assert.Equal(json.GetProperty("valid").GetBoolean(), json.GetProperty("reasons").GetArrayLength() == 0);
    }

    [Fact]
    public async Task MissingModel_FailsInOneLine() =>
        (await EdgectlProcess.RunAsync("bench", "--model", _data.PathOf("nowhere.plan"))).FailsWith(1, "nowhere.plan");

    private static void Holds(JsonElement json)
    {
        foreach (var name in (string[])["schema", "engine", "threads", "samples", "minUs", "p50Us", "p90Us", "p95Us", "p99Us", "intervalUs", "coldStartUs", "peakBytes", "valid", "reasons"])
            Assert.True(json.TryGetProperty(name, out _), $"{name} is missing");
        double Us(string name) => json.GetProperty(name).GetDouble();
        Assert.InRange(Us("p50Us"), Us("minUs"), Us("p90Us"));
        Assert.InRange(Us("p95Us"), Us("p90Us"), Us("p99Us"));
        Assert.InRange(Us("p50Us"), json.GetProperty("intervalUs")[0].GetDouble(), json.GetProperty("intervalUs")[1].GetDouble());
        Assert.Equal(json.GetProperty("valid").GetBoolean(), json.GetProperty("reasons").GetArrayLength() == 0);
        Assert.True(Us("coldStartUs") > 0);
    }
}
