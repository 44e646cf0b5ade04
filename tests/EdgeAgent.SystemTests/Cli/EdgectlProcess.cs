using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>What a run of the built program left: its exit code and both streams.</summary>
internal sealed record EdgectlRun(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output as the one JSON document that it has to be.</summary>
    public JsonElement Json()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}");
        using var document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }

    /// <summary>Asserts that the run failed with one line that holds all of <paramref name="parts"/>, and printed no result.</summary>
    public void FailsWith(int exitCode, params string[] parts)
    {
        Assert.True(exitCode == ExitCode, $"exit code {ExitCode} instead of {exitCode}: {Error}");
        Assert.Empty(Output);
        var line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("edgectl: ", line);
        foreach (var part in parts)
            Assert.Contains(part, line);
    }
}

/// <summary>Runs the <c>edgectl</c> that the build made, as a user would.</summary>
internal static class EdgectlProcess
{
    // Only so that a program that hangs does not hang the tests: never what is tested.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    public static string Program { get; } = Find();

    public static async Task<EdgectlRun> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return new EdgectlRun(process.ExitCode, await output, await error);
    }

    public static Task<EdgectlRun> RunAsync(params string[] arguments) => RunAsync((IEnumerable<string>)arguments);

    public static Process Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
            start.Environment[key] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>The program of the same configuration as this test, in the output folder of its own project.</summary>
    private static string Find()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory); // .../tests/PROJECT/bin/CONFIGURATION/FRAMEWORK
        for (var at = own; at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "EdgeAgent.sln")))
                return Path.Combine(at.FullName, "src", "EdgeAgent.Cli", "bin", own.Parent!.Name, own.Name, "edgectl");
        throw new InvalidOperationException($"no EdgeAgent.sln above {AppContext.BaseDirectory}");
    }
}
