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
