using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class FleetCommandTests(FleetProcess fleet) : IClassFixture<FleetProcess>
{
    [Theory]
    [InlineData("devices", "devices", "list")]
    [InlineData("rollouts", "rollout", "status")]
    [InlineData("reports", "reports")]
    [InlineData("packages", "package", "list")]
    public async Task Json_OfAnEmptyFleet_HoldsAnEmptyList(string member, params string[] command)
    {
        var json = (await RunAsync([.. command, "--json"])).Json();
        Assert.Equal(["schema", member], json.EnumerateObject().Select(p => p.Name));
        Assert.Equal(0, json.GetProperty(member).GetArrayLength());
    }

    [Fact]
    public async Task DevicesToken_GivesATokenForAsManyDevicesAsAskedFor()
    {
        var json = (await RunAsync("devices", "token", "--uses", "3", "--json")).Json();
        Assert.Equal(3, json.GetProperty("uses").GetInt32());
        Assert.NotEmpty(json.GetProperty("token").GetString()!);
    }

    [Fact]
    public async Task WrongToken_FailsWithWhatToDo() =>
        (await EdgectlProcess.RunAsync("devices", "list", "--controller", fleet.Url, "--token", "wrong")).FailsWith(1, fleet.Url, "refuses the token", "--token-file");

    [Fact]
    public async Task NoToken_FailsWithWhatToDo() =>
        (await EdgectlProcess.RunAsync("devices", "list", "--controller", fleet.Url)).FailsWith(1, "refuses the token");

    [Fact]
    public async Task MissingTokenFile_FailsWithWhatToDo() =>
        (await EdgectlProcess.RunAsync("devices", "list", "--controller", fleet.Url, "--token-file", "/nowhere/admin.token")).FailsWith(1, "/nowhere/admin.token");

    [Theory]
    [InlineData("rollout", "status", "no-such-rollout")]
    [InlineData("rollout", "pause", "no-such-rollout")]
    [InlineData("rollout", "start", "--model", "no-such-model")]
    public async Task WhatTheControllerRefuses_FailsWithItsReason(params string[] command)
    {
        var run = await RunAsync(command);
        run.FailsWith(1, $"controller {fleet.Url}");
    }

    [Fact]
    public async Task KeysTrust_OfAnythingButAPublicKey_FailsInOneLine()
    {
        using var data = new ColourData();
        (await RunAsync("keys", "trust", "--key", data.Write("not-a-key.pub", "hello"u8.ToArray()))).FailsWith(1, "not-a-key.pub", "edgectl keys new");
    }

    [Fact]
    public async Task KeysTrust_OfANewKey_IsAccepted()
    {
        using var data = new ColourData();
        var key = (await EdgectlProcess.RunAsync("keys", "new", "--out", data.PathOf("key.pem"), "--json")).Json();
        var trusted = (await RunAsync("keys", "trust", "--key", data.PathOf("key.pem.pub"), "--json")).Json();
        Assert.Equal(key.GetProperty("keyId").GetString(), trusted.GetProperty("keyId").GetString());
    }

    private Task<EdgectlRun> RunAsync(params string[] command) =>
        EdgectlProcess.RunAsync([.. command, "--controller", fleet.Url, "--token-file", fleet.TokenFile]);
}
