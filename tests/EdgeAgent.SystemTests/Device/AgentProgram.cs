namespace EdgeAgent.SystemTests.Device;

/// <summary>An <c>edge-agent</c> to run: a file and what has to stand before it on the command line.</summary>
/// <param name="File">The program, or an emulator.</param>
/// <param name="Before">Arguments of the emulator, the program among them.</param>
internal sealed record AgentProgram(string File, IReadOnlyList<string> Before)
{
    public static string RepositoryRoot { get; } = FindRoot();

    /// <summary>The program of the same configuration as this test, in the output folder of its own project.</summary>
    public static AgentProgram Built { get; } = new(FindBuilt(), []);

    public static AgentProgram Native(string path) => new(path, []);

    /// <summary>An arm64 program. Where the machine has arm64's C library itself, mixing it with the cross compiler's would hang.</summary>
    public static AgentProgram UnderQemu(string path, string cpu) => new("qemu-aarch64-static",
        ["-L", System.IO.File.Exists("/lib/ld-linux-aarch64.so.1") ? "/" : "/usr/aarch64-linux-gnu", "-E", "LD_LIBRARY_PATH=" + Arm64Libraries, "-cpu", cpu, path]);

    /// <summary>
    /// An x64 program under the kernel's own refusal of memory that was writable and is to become executable (prctl
    /// PR_SET_MDWE of Linux 6.3, kept over exec), which is what systemd's MemoryDenyWriteExecute comes to.
    /// </summary>
    public static AgentProgram WithoutNewExecutableMemory(string path) => new("perl",
        ["-e", "syscall(157, 65, 1, 0, 0, 0) == 0 or die qq(prctl: $!); exec @ARGV or die qq(exec: $!)", path]);

    /// <summary>Where <c>.ci/run</c> unpacks OpenSSL for arm64: the agent verifies signatures with the board's own.</summary>
    public static string Arm64Libraries => Path.Combine(RepositoryRoot, "artifacts", "arm64", "usr", "lib", "aarch64-linux-gnu");

    private static string FindBuilt()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory); // .../tests/PROJECT/bin/CONFIGURATION/FRAMEWORK
        return Path.Combine(RepositoryRoot, "src", "EdgeAgent.Device", "bin", own.Parent!.Name, own.Name, "edge-agent");
    }

    private static string FindRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (System.IO.File.Exists(Path.Combine(at.FullName, "EdgeAgent.sln")))
                return at.FullName;
        throw new InvalidOperationException($"no EdgeAgent.sln above {AppContext.BaseDirectory}");
    }
}
