using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class UsageTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("inspect")]
    [InlineData("eval", "--data", "x")]
    [InlineData("bench", "--model", "x", "--threads", "0")]
    [InlineData("bench", "--model", "x", "--engine", "interpreter")]
    [InlineData("bench", "--model", "x", "--seconds", "ten")]
    [InlineData("bench")]
    [InlineData("bench", "--roofline", "--model", "x")]
    [InlineData("bench", "--per-op", "--model", "x", "--threads", "2")]
    [InlineData("bench", "--per-op", "--model", "x", "--against", "y")]
    [InlineData("eval", "--model", "x", "--data", "y", "--frobnicate")]
    [InlineData("no-such-command")]
    [InlineData("rollout", "start", "--model", "m", "--controller", "http://127.0.0.1:1", "--waves", "0.5")]
    [InlineData("rollout", "start", "--model", "m", "--controller", "not an address")]
    [InlineData("rollout", "start", "--model", "m", "--controller", "http://127.0.0.1:1", "--pick", "nonsense")]
    [InlineData("rollout", "status", "--watch", "--controller", "http://127.0.0.1:1")]
    public async Task WrongUsage_ExitsWith2AndOneLine(params string[] arguments) => (await EdgectlProcess.RunAsync(arguments)).FailsWith(2);

    [Fact]
    public async Task Help_OfEveryCommand_IsShown()
    {
        foreach (var command in (string[])["inspect", "eval", "bench", "keys", "package", "devices", "rollout", "reports"])
        {
            var run = await EdgectlProcess.RunAsync(command, "--help");
            Assert.Equal(0, run.ExitCode);
            Assert.Contains(command, run.Output);
        }
    }

    [Theory]
    [InlineData("devices", "list")]
    [InlineData("reports")]
    [InlineData("rollout", "status")]
    public async Task ControllerThatIsNotThere_FailsWithWhatToDo(params string[] command) =>
        (await EdgectlProcess.RunAsync([.. command, "--controller", "http://127.0.0.1:9", "--token", "t"])).FailsWith(1, "http://127.0.0.1:9", "cannot be reached", "edge-fleet");

    [Fact]
    public async Task NoControllerNamed_IsWrongUsage() =>
        (await EdgectlProcess.RunAsync(["devices", "list"], new Dictionary<string, string> { ["EDGE_FLEET_URL"] = "" })).FailsWith(2, "--controller", "EDGE_FLEET_URL");

    [Fact]
    public async Task KeysNew_WritesAPairOnceAndNeverOverIt()
    {
        var path = _data.PathOf("keys/signing.pem");
        var json = (await EdgectlProcess.RunAsync("keys", "new", "--out", path, "--json")).Json();
        Assert.Equal(64, json.GetProperty("keyId").GetString()!.Length);
        Assert.Contains("PRIVATE KEY", File.ReadAllText(path));
        Assert.Contains("PUBLIC KEY", File.ReadAllText(path + ".pub"));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        (await EdgectlProcess.RunAsync("keys", "new", "--out", path)).FailsWith(1, "exists");
    }
}
