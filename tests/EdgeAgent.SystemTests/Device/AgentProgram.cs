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

    public static AgentProgram UnderQemu(string path, string cpu) => new("qemu-aarch64-static", ["-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, path]);

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
