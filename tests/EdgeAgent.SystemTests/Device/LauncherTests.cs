using System.Diagnostics;

namespace EdgeAgent.SystemTests.Device;

/// <summary><c>deploy/agent/edge-agent</c> starts the build that suits the processor.</summary>
public sealed class LauncherTests : IDisposable
{
    // Of a Celeron N5105 and a Core i5-6500T, shortened.
    private const string Jasper = "fpu sse2 pni ssse3 cx16 sse4_1 sse4_2 movbe popcnt aes rdrand lahf_lm xsave gfni";
    private const string Skylake = "fpu sse2 pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand lahf_lm abm bmi1 avx2 bmi2";

    private readonly string _folder = Directory.CreateTempSubdirectory("edge-agent-launcher-").FullName;

    public LauncherTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the launcher is a shell script");
        File.Copy(Path.Combine(AgentProgram.RepositoryRoot, "deploy", "agent", "edge-agent"), Path.Combine(_folder, "edge-agent"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("x86_64", Jasper, "x86-64-v2")]
    [InlineData("x86_64", Skylake, "x86-64-v3")]
    [InlineData("aarch64", "", "arm64")]
    public async Task Launcher_WithAllBuilds_StartsTheBest(string machine, string flags, string build)
    {
        Put("x86-64-v2", "x86-64-v3", "arm64");
        Assert.Equal((0, $"{build} --state a b\n"), await RunAsync(machine, flags));
    }

    [Fact]
    public async Task Launcher_WithoutTheBestBuild_StartsTheOneThatRuns()
    {
        Put("x86-64-v2");
        Assert.Equal((0, "x86-64-v2 --state a b\n"), await RunAsync("x86_64", Skylake));
    }

    [Theory]
    [InlineData("x86_64", "fpu sse2 pni ssse3", "SSE4.2")]
    [InlineData("armv7l", "", "armv7l")]
    [InlineData("aarch64", "", "arm64")]
    public async Task Launcher_WithoutABuildThatRuns_SaysWhy(string machine, string flags, string part)
    {
        Put("x86-64-v2");
        var (code, error) = await RunAsync(machine, flags);
        Assert.Equal(1, code);
        Assert.StartsWith("edge-agent: ", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Contains(part, error);
    }

    /// <summary>The real build behind the real launcher.</summary>
    [Fact]
    public async Task Launcher_OnThisMachine_StartsTheAgent()
    {
        var program = await NativeAgents.X64Async("x86-64-v2");
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(NativeAgents.Folder, "edge-agent"), "--version") { RedirectStandardOutput = true })!;
        var version = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(File.Exists(program));
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("0.1.0", version);
    }

    /// <summary>Stand-ins that say which they are and what they were given.</summary>
    private void Put(params string[] builds)
    {
        foreach (var build in builds)
        {
            var program = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, build)).FullName, "edge-agent");
            // The copy brings the permission to be executed.
            File.Copy(Path.Combine(_folder, "edge-agent"), program);
            File.WriteAllText(program, $"#!/bin/sh\necho {build} \"$@\"\n");
        }
    }

    private async Task<(int ExitCode, string Text)> RunAsync(string machine, string flags)
    {
        var cpuinfo = Path.Combine(_folder, "cpuinfo");
        await File.WriteAllTextAsync(cpuinfo, $"processor\t: 0\nflags\t\t: {flags}\nprocessor\t: 1\nflags\t\t: {flags}\n", TestContext.Current.CancellationToken);
        // Through a link, as it is installed.
        var link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, Path.Combine(_folder, "edge-agent"));
        var start = new ProcessStartInfo(link, ["--state", "a b"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment["EDGE_AGENT_MACHINE"], start.Environment["EDGE_AGENT_CPUINFO"]) = (machine, cpuinfo);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, process.ExitCode == 0 ? await output : error);
    }
}
