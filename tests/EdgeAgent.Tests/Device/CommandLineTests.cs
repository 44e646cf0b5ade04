using EdgeAgent.Device;

namespace EdgeAgent.Tests.Device;

public sealed class CommandLineTests
{
    [Fact]
    public void Parse_FirstStart_TakesEveryOption()
    {
        var line = CommandLine.Parse(["--controller", "http://127.0.0.1:8080", "--enrol-token=t", "--device", "pi-1", "--profile", "raspberry-pi-5", "--state", "/s",
            "--threads", "2", "--trust", "a.pem", "--trust", "b.pem", "--benchmark-seconds", "0.5", "--probation-seconds", "1", "--no-energy-windows"]);
        Assert.Equal(AgentCommand.Run, line.Command);
        Assert.Equal("http://127.0.0.1:8080/", line.Controller!.ToString());
        Assert.Equal(("t", "pi-1", "raspberry-pi-5", "/s", 2), (line.EnrolToken, line.Device!.Value.Value, line.Profile, line.State, line.Threads));
        Assert.Equal(["a.pem", "b.pem"], line.TrustFiles);
        Assert.Equal((TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1), false), (line.Benchmark, line.Probation, line.HasEnergyWindows));
        Assert.False(line.Emulated);
    }

    [Theory]
    [InlineData("--profile", "x64-gateway", "--emulate-profile", "raspberry-pi-5")]
    [InlineData("--emulate-profile", "raspberry-pi-5", "--profile", "x64-gateway")]
    [InlineData("--emulate-profile", "raspberry-pi-5")]
    public void Parse_EmulateProfile_WinsInAnyOrder(params string[] args)
    {
        var line = CommandLine.Parse(args);
        Assert.True(line.Emulated);
        Assert.Equal("raspberry-pi-5", line.Profile);
    }

    [Theory]
    [InlineData("'--colour' is not known; see edge-agent --help", "--colour", "red")]
    [InlineData("--state needs a value; see edge-agent --help", "--state")]
    [InlineData("--threads '0' is not a number from 1 to 256", "--threads", "0")]
    [InlineData("--controller 'fleet' is not an http or https address, for example https://fleet.example:7443", "--controller", "fleet")]
    [InlineData("--device 'Pi 1' is not valid: use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit", "--device", "Pi 1")]
    public void Parse_WrongUse_NamesTheArgumentAndTheRemedy(string message, params string[] args) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => CommandLine.Parse(args)).Message);
}
