using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class DemoTests
{
    /// <summary>The whole loop with everything in it real, except that training is too short for good accuracies.</summary>
    [Fact]
    public async Task Demo_OnThisMachine_BringsStudentsToThreeDevicesThatDiffer()
    {
        var json = (await EdgectlProcess.RunAsync("demo", "--quick", "--json")).Json();

        Assert.Equal("completed", json.GetProperty("rollout").GetProperty("state").GetString());
        Assert.Equal(["done", "done"], json.GetProperty("rollout").GetProperty("waves").EnumerateArray().Select(w => w.GetProperty("state").GetString()));
        Assert.Equal(6, json.GetProperty("students").GetArrayLength());
        Assert.Equal(3, json.GetProperty("students").EnumerateArray().Select(s => s.GetProperty("name").GetString()).Distinct().Count());

        var devices = json.GetProperty("devices").EnumerateArray().ToList();
        Assert.Equal(3, devices.Count);
        Assert.All(devices, d =>
        {
            Assert.Equal("committed", d.GetProperty("state").GetString());
            Assert.NotEmpty(d.GetProperty("student").GetString()!);
            Assert.True(d.GetProperty("p50Us").GetDouble() > 0);
            Assert.True(d.GetProperty("p95Us").GetDouble() >= d.GetProperty("p50Us").GetDouble());
            Assert.Contains(d.GetProperty("energySource").GetString(), (string[])["measured", "estimated"]);
        });
        Assert.Equal([1, 2, 1], devices.Select(d => d.GetProperty("threads").GetInt32()));
        Assert.Contains(devices[2].GetProperty("kernelSet").GetString(), (string[])["sse41", "neon"]);
        Assert.True(json.GetProperty("seconds").GetDouble() > 0);
    }

    [Fact]
    public async Task Demo_IntoAFolderThatIsNotEmpty_FailsWithWhatToDo()
    {
        using var data = new ColourData();
        data.Write("taken", [1]);
        (await EdgectlProcess.RunAsync("demo", "--out", data.Folder)).FailsWith(1, "not empty", "--out");
    }
}
