using System.Diagnostics;
using Xunit;

namespace EdgeAgent.SystemTests.Int8;

/// <summary>
/// The Arm kernels, compiled ahead of time for linux-arm64 as the agent is, executed by qemu as a core with the dot
/// product extension and as one without it.
/// </summary>
public sealed class ArmKernelTests(ArmKernelTests.SelfCheck selfCheck) : IClassFixture<ArmKernelTests.SelfCheck>
{
    private const int Cases = 1500;

    [Theory]
    [InlineData("max", "neon-dot")]
    [InlineData("cortex-a72", "neon")]
    public async Task SelfCheck_UnderQemu_FindsAllKernelsEqual(string cpu, string best)
    {
        var program = await selfCheck.PublishAsync(TestContext.Current.CancellationToken);

        var (exitCode, output) = await RunAsync(
            "qemu-aarch64-static", ["-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, program, $"{Cases}"], TestContext.Current.CancellationToken);

        Assert.True(exitCode == 0, output);
        Assert.StartsWith($"best {best}\n", output, StringComparison.Ordinal);
        Assert.Contains($"{best} {Cases} cases equal", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string program, string[] arguments, CancellationToken cancellation)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Publishes tests/EdgeAgent.Int8.SelfCheck once for all tests of the class, into a folder of its own.</summary>
    public sealed class SelfCheck : IDisposable
    {
        private static readonly string[] Tools = ["clang", "ld.lld", "aarch64-linux-gnu-objcopy", "qemu-aarch64-static"];

        private readonly string _folder = Path.Combine(Path.GetTempPath(), $"int8-selfcheck-{Guid.NewGuid():n}");
        private readonly SemaphoreSlim _gate = new(1);

        public async Task<string> PublishAsync(CancellationToken cancellation)
        {
            foreach (var tool in Tools)
                Assert.SkipUnless(IsInstalled(tool), $"{tool} is not installed: apt-get install clang lld gcc-aarch64-linux-gnu qemu-user-static");
            await _gate.WaitAsync(cancellation);
            try
            {
                var program = Path.Combine(_folder, "out", "int8-selfcheck");
                if (!File.Exists(program))
                {
                    var (exitCode, output) = await RunAsync(
                        "dotnet",
                        [
                            "publish", Path.Combine(RepositoryRoot(), "tests", "EdgeAgent.Int8.SelfCheck"), "-c", "Release", "-r", "linux-arm64",
                            "--artifacts-path", Path.Combine(_folder, "artifacts"), "-o", Path.Combine(_folder, "out"),
                            "-p:PublishAot=true", "-p:CppCompilerAndLinker=clang", "-p:LinkerFlavor=lld", "-p:ObjCopyName=aarch64-linux-gnu-objcopy",
                        ],
                        cancellation);
                    Assert.True(exitCode == 0, output);
                }
                return program;
            }
            finally
            {
                _gate.Release();
            }
        }

        public void Dispose()
        {
            _gate.Dispose();
            if (Directory.Exists(_folder))
                Directory.Delete(_folder, recursive: true);
        }

        private static bool IsInstalled(string tool) =>
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));

        private static string RepositoryRoot()
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "EdgeAgent.sln")))
                folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("EdgeAgent.sln is not above the tests");
            return folder;
        }
    }
}
