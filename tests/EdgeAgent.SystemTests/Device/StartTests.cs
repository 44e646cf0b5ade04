using System.Net;
using System.Net.Sockets;

namespace EdgeAgent.SystemTests.Device;

/// <summary>Starts that cannot succeed: one line with the remedy, the right exit code, nothing half-written.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task NoController_FailsInOneLine()
    {
        await using var rig = await DeviceRig.CreateAsync();
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var url = $"http://{free.LocalEndpoint}/";
        free.Stop();
        await FailsAsync(rig, 1, ["--controller", url], "is not there", "check --controller");
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "does not accept the enrolment token", "--enrol-token")]
    [InlineData(HttpStatusCode.Conflict, "is already enrolled", "--device")]
    public async Task Refused_FailsInOneLine(HttpStatusCode status, string what, string remedy)
    {
        await using var rig = await DeviceRig.CreateAsync();
        rig.Controller.EnrolmentStatus = status;
        await FailsAsync(rig, 1, [], what, remedy);
    }

    [Fact]
    public async Task TokenInTheClear_IsNotSent()
    {
        await using var rig = await DeviceRig.CreateAsync();
        await FailsAsync(rig, 1, ["--controller", "http://192.0.2.1:8080"], "neither https nor on this machine", "--ca");
    }

    [Fact]
    public async Task WrongKeyFile_FailsInOneLine()
    {
        await using var rig = await DeviceRig.CreateAsync();
        await FailsAsync(rig, 1, ["--trust", AgentProgram.Built.File + ".runtimeconfig.json"], "a verifying key of --trust is refused", "edgectl keys new");
        Assert.Null(rig.Controller.Enrolled);
    }

    [Fact]
    public async Task NotEnrolledAndNoOptions_IsWrongUsage()
    {
        await using var rig = await DeviceRig.CreateAsync();
        var agent = rig.Start();
        Assert.Equal(2, await agent.ExitAsync());
        Assert.Contains("the device is not enrolled yet", agent.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(rig.State));
    }

    [Fact]
    public async Task StateFolderThatCannotBe_FailsInOneLine()
    {
        await using var rig = await DeviceRig.CreateAsync();
        await FailsAsync(rig, 1, ["--state", "/proc/edge-agent"], "cannot be written", "--state");
    }

    private static async Task FailsAsync(DeviceRig rig, int exitCode, string[] more, params string[] parts)
    {
        var agent = rig.Start(enrol: true, more: more);
        Assert.Equal(exitCode, await agent.ExitAsync());
        var line = Assert.Single(agent.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("edge-agent: ", line, StringComparison.Ordinal);
        foreach (var part in parts)
            Assert.Contains(part, line, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(rig.State, "device.json")));
    }
}
