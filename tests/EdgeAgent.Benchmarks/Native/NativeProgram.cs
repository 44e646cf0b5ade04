using System.Diagnostics;

namespace EdgeAgent.Benchmarks.Native;

/// <summary>The engine's self-check compiled ahead of time, and the tools that look into it.</summary>
internal sealed class NativeProgram
{
    private NativeProgram(string path) => Path = path;

    public string Path { get; }

    /// <summary>Symbols are in a file of their own.</summary>
    public string SymbolFile => Path + ".dbg";

    /// <summary>Where the benchmarks leave what they build.</summary>
    public static string Folder { get; } = System.IO.Path.Combine(RepositoryRoot(), "artifacts", "benchmarks");

    /// <param name="runtime">linux-x64 or linux-arm64.</param>
    /// <param name="name">Folder of the result.</param>
    /// <param name="properties">More properties of the build, each <c>Name=Value</c>.</param>
    public static NativeProgram Publish(string runtime, string name, params string[] properties)
    {
        var folder = System.IO.Path.Combine(Folder, name);
        string[] cross = runtime == "linux-arm64" ? ["CppCompilerAndLinker=clang", "LinkerFlavor=lld", "ObjCopyName=aarch64-linux-gnu-objcopy"] : [];
        Console.Error.WriteLine($"compiling {name} ahead of time ...");
        Output("dotnet", [
            "publish", System.IO.Path.Combine(RepositoryRoot(), "tests", "EdgeAgent.Int8.SelfCheck"), "-c", "Release", "-r", runtime, "-m:1", "--nologo",
            "--artifacts-path", System.IO.Path.Combine(folder, "build"), "-o", folder, "-p:PublishAot=true", .. cross.Concat(properties).Select(p => "-p:" + p)]);
        return new(System.IO.Path.Combine(folder, "int8-selfcheck"));
    }

    /// <summary>Name, address and size of every function that <paramref name="wanted"/> holds for.</summary>
    public IReadOnlyList<(string Name, long Address, long Size)> Functions(Func<string, bool> wanted)
    {
        var symbols = Output("llvm-nm", ["--print-size", "--numeric-sort", SymbolFile]).Split('\n')
            .Select(line => line.Split(' ', 4)).Where(f => f.Length == 4 && f[2] is "t" or "T")
            .Select(f => (Name: f[3], Address: Convert.ToInt64(f[0], 16), Size: Convert.ToInt64(f[1], 16)));
        return [.. symbols.Where(s => wanted(s.Name))];
    }

    /// <summary>Instructions of a range by address; operands of branches are left out.</summary>
    public IReadOnlyList<(long Address, string Text)> Disassemble(long start, long size) =>
        [.. Output("llvm-objdump", ["-d", "--no-show-raw-insn", "--mattr=+dotprod", $"--start-address={start}", $"--stop-address={start + size}", Path]).Split('\n')
            .Select(line => line.Split(':', 2)).Where(f => f.Length == 2 && f[1].Contains('\t') && long.TryParse(f[0].Trim(), System.Globalization.NumberStyles.HexNumber, null, out _))
            .Select(f => (Convert.ToInt64(f[0].Trim(), 16), f[1].Trim()))];

    /// <summary>Standard output of a program that has to succeed.</summary>
    public static string Output(string program, IEnumerable<string> arguments, string? input = null, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.Result
            : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {output.Result}{error.Result}");
    }

    private static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(System.IO.Path.Combine(folder, "EdgeAgent.sln")))
            folder = System.IO.Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("EdgeAgent.sln is not above the benchmarks");
        return folder;
    }
}
