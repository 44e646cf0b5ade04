using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>The built <c>edge-fleet</c> on free ports, with a data folder of its own.</summary>
public sealed class FleetProcess : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgectl-fleet-").FullName;
    private Process? _process;

    public string Url { get; private set; } = "";

    public string TokenFile { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        var program = EdgectlProcess.Program.Replace("EdgeAgent.Cli", "EdgeAgent.Fleet", StringComparison.Ordinal).Replace("edgectl", "edge-fleet", StringComparison.Ordinal);
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["--data", Path.Combine(_folder, "data"), "--json"])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        // Its log is nobody's concern here, but the pipe must not fill up.
        _ = _process.StandardError.ReadToEndAsync();
        while (await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            if (line.StartsWith('{'))
            {
                using var ready = JsonDocument.Parse(line);
                Url = ready.RootElement.GetProperty("url").GetString()!;
                TokenFile = ready.RootElement.GetProperty("adminTokenFile").GetString()!;
                _ = _process.StandardOutput.ReadToEndAsync();
                return;
            }
        throw new InvalidOperationException($"{program} ended before it was ready");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }
}
