using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>What compression refuses; that it compresses is tested with its own project.</summary>
public sealed class CompressTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task UnknownProfile_FailsWithTheOnesThereAre() =>
        await FailsAsync(["--model", _data.Model(), "--data", _data.Images(), "--profile", "toaster"], "'toaster'", "raspberry-pi-4");

    [Fact]
    public async Task BadProfileFile_FailsWithTheJsonPath()
    {
        var text = File.ReadAllText(Path.Combine(Path.GetDirectoryName(EdgectlProcess.Program)!, "firmware-profiles", "raspberry-pi-4.json"));
        var profile = _data.Write("bad.json", System.Text.Encoding.UTF8.GetBytes(text.Replace("\"arm64\"", "\"vax\"", StringComparison.Ordinal)));
        await FailsAsync(["--model", _data.Model(), "--data", _data.Images(), "--profile", profile], "bad.json", "$.cpu.architecture", "vax");
    }

    [Fact]
    public async Task ClassMismatch_FailsInOneLine()
    {
        var images = _data.Images();
        _data.Write("images/d-grey/0.png", ColourData.Png(0, 0));
        _data.Write("images/d-grey/1.png", ColourData.Png(0, 1));
        await FailsAsync(["--model", _data.Model(), "--data", images, "--profile", "x64-gateway"], "3", "4");
    }

    [Fact]
    public async Task MissingModel_FailsInOneLine() =>
        await FailsAsync(["--model", _data.PathOf("nowhere.onnx"), "--data", _data.Images(), "--profile", "x64-gateway"], "nowhere.onnx");

    [Fact]
    public async Task OneClassOnly_FailsByName()
    {
        _data.Write("one/red/0.png", ColourData.Png(0, 0));
        await FailsAsync(["--model", _data.Model(), "--data", _data.PathOf("one"), "--profile", "x64-gateway"], "one class only ('red')");
    }

    [Fact]
    public async Task FleetThatIsNotThere_FailsWithWhatToDo() =>
        await FailsAsync(["--model", _data.Model(), "--data", _data.Images(), "--profile", "x64-gateway", "--from-fleet", "http://127.0.0.1:9"], "http://127.0.0.1:9", "cannot be reached");

    [Theory]
    [InlineData("--budget", "soon")]
    [InlineData("--students", "0")]
    [InlineData("--min-accuracy", "86")]
    [InlineData("--max-latency-ms", "0")]
    [InlineData("--teacher", "absent")]
    [InlineData("--profile", "x64-gateway", "--profile", "x64-gateway")]
    public async Task WrongUsage_ExitsWith2(params string[] options) =>
        (await EdgectlProcess.RunAsync(["compress", "--model", "m", "--data", "d", "--out", _data.PathOf("out"), .. Profile(options), .. options])).FailsWith(2);

    private static string[] Profile(string[] options) => options[0] == "--profile" ? [] : ["--profile", "x64-gateway"];

    private async Task FailsAsync(string[] options, params string[] parts)
    {
        var run = await EdgectlProcess.RunAsync(["compress", "--out", _data.PathOf("out"), "--budget", "10s", .. options]);
        Assert.Equal(1, run.ExitCode);
        Assert.Empty(run.Output);
        // Progress may come before it; the fault is the last line.
        var line = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.StartsWith("edgectl: ", line);
        foreach (var part in parts)
            Assert.Contains(part, line);
        Assert.False(File.Exists(_data.PathOf("out/family.json")));
    }
}
