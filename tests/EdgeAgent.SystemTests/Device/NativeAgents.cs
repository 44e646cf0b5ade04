using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EdgeAgent.SystemTests.Device;

/// <summary>
/// The agent compiled ahead of time by <c>deploy/agent/build.sh</c>, each build once per test run: into
/// <c>artifacts/agents</c> of the repository, where the next run finds what has not changed.
/// </summary>
internal static class NativeAgents
{
    private static readonly string[] s_crossTools = ["clang", "ld.lld", "aarch64-linux-gnu-objcopy"];

    private static readonly SemaphoreSlim s_turn = new(1);
    private static readonly Dictionary<string, string> s_built = [];

    /// <summary>The builds in folders of their names, with the launcher beside them.</summary>
    public static string Folder { get; } = Path.Combine(AgentProgram.RepositoryRoot, "artifacts", "agents");

    /// <summary>The build for x86-64-v2 or x86-64-v3; skips the test on another machine.</summary>
    public static Task<string> X64Async(string level)
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "the x64 build runs on x64 machines only");
        Assert.SkipUnless(IsInstalled("clang") || IsInstalled("gcc"), "no linker is installed: apt-get install clang");
        return BuildAsync(level);
    }

    /// <summary>The build for arm64, cross-compiled; skips the test where tools or emulator are missing.</summary>
    public static Task<string> Arm64Async()
    {
        foreach (var tool in s_crossTools)
            Assert.SkipUnless(IsInstalled(tool), $"{tool} is not installed: apt-get install clang lld gcc-aarch64-linux-gnu libc6-dev-arm64-cross");
        Assert.SkipUnless(IsInstalled("qemu-aarch64-static"), "qemu-aarch64-static is not installed: apt-get install qemu-user-static");
        return BuildAsync("arm64");
    }

    private static async Task<string> BuildAsync(string build)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await s_turn.WaitAsync(cancellation);
        try
        {
            if (s_built.TryGetValue(build, out var program))
                return program;
            using var process = Process.Start(new ProcessStartInfo(Path.Combine(AgentProgram.RepositoryRoot, "deploy", "agent", "build.sh"), [Folder, build]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEndAsync(cancellation);
            var error = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            var log = await output + await error;
            Assert.True(process.ExitCode == 0, log);
            // IL2xxx and IL3xxx say that the native program may behave differently from the tested one.
            Assert.DoesNotContain("warning IL", log, StringComparison.Ordinal);
            return s_built[build] = Path.Combine(Folder, build, "edge-agent");
        }
        finally
        {
            s_turn.Release();
        }
    }

    private static bool IsInstalled(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));
}
