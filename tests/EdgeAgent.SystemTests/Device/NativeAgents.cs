using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EdgeAgent.SystemTests.Device;

/// <summary>
/// The agent compiled ahead of time, each build once per test run: into <c>artifacts/agents</c> of the repository, where
/// the next run finds what has not changed.
/// </summary>
public sealed class NativeAgents : IDisposable
{
    private static readonly string[] s_crossTools = ["clang", "ld.lld", "aarch64-linux-gnu-objcopy"];

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Dictionary<string, string> _published = [];

    /// <summary>The build for x86-64-v2 or x86-64-v3; skips the test on another machine.</summary>
    public Task<string> X64Async(string level)
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "the x64 build runs on x64 machines only");
        Assert.SkipUnless(IsInstalled("clang") || IsInstalled("gcc"), "no linker is installed: apt-get install clang");
        return PublishAsync("linux-" + level, "linux-x64", [$"-p:IlcInstructionSet={level}"]);
    }

    /// <summary>The build for arm64, cross-compiled; skips the test where tools or emulator are missing.</summary>
    public Task<string> Arm64Async()
    {
        foreach (var tool in s_crossTools)
            Assert.SkipUnless(IsInstalled(tool), $"{tool} is not installed: apt-get install clang lld gcc-aarch64-linux-gnu libc6-dev-arm64-cross");
        Assert.SkipUnless(IsInstalled("qemu-aarch64-static"), "qemu-aarch64-static is not installed: apt-get install qemu-user-static");
        return PublishAsync("linux-arm64", "linux-arm64", ["-p:CppCompilerAndLinker=clang", "-p:LinkerFlavor=lld", "-p:ObjCopyName=aarch64-linux-gnu-objcopy"]);
    }

    public void Dispose() => _turn.Dispose();

    private async Task<string> PublishAsync(string name, string runtime, string[] properties)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await _turn.WaitAsync(cancellation);
        try
        {
            if (_published.TryGetValue(name, out var program))
                return program;
            var folder = Path.Combine(AgentProgram.RepositoryRoot, "artifacts", "agents", name);
            program = Path.Combine(folder, "publish", "edge-agent");
            string[] arguments =
            [
                "publish", Path.Combine(AgentProgram.RepositoryRoot, "src", "EdgeAgent.Device"), "-c", "Release", "-r", runtime, "-p:PublishAot=true",
                .. properties, "--artifacts-path", folder, "-o", Path.Combine(folder, "publish"), "-v", "minimal", "--nologo",
            ];
            using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEndAsync(cancellation);
            var error = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            var log = await output + await error;
            Assert.True(process.ExitCode == 0, log);
            // IL2xxx and IL3xxx say that the native program may behave differently from the tested one.
            Assert.DoesNotContain("warning IL", log, StringComparison.Ordinal);
            return _published[name] = program;
        }
        finally
        {
            _turn.Release();
        }
    }

    private static bool IsInstalled(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));
}
