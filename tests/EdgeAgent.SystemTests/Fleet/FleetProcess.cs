using System.Diagnostics;
using System.Text.Json;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>The program <c>edge-fleet</c> as users start it.</summary>
internal sealed class FleetProcess : IAsyncDisposable
{
    private readonly Process _process;

    private FleetProcess(Process process) => _process = process;

    public string Url { get; private set; } = "";

    public int MqttPort { get; private set; }

    public string AdminTokenFile { get; private set; } = "";

    /// <summary>Starts it and waits for its JSON line.</summary>
    public static async Task<FleetProcess> StartAsync(string dataDirectory)
    {
        var fleet = new FleetProcess(Launch(["--json", "--data", dataDirectory]));
        try
        {
            var line = await fleet._process.StandardOutput.ReadLineAsync(TestFleet.Cancellation)
                ?? throw new InvalidOperationException(await fleet._process.StandardError.ReadToEndAsync(TestFleet.Cancellation));
            using var ready = JsonDocument.Parse(line);
            fleet.Url = ready.RootElement.GetProperty("url").GetString()!;
            fleet.MqttPort = ready.RootElement.GetProperty("mqttPort").GetInt32();
            fleet.AdminTokenFile = ready.RootElement.GetProperty("adminTokenFile").GetString()!;
            // What it logs must not fill the pipe.
            fleet._process.BeginErrorReadLine();
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Launch(arguments, environment);
        var errors = process.StandardError.ReadToEndAsync(TestFleet.Cancellation);
        var output = await process.StandardOutput.ReadToEndAsync(TestFleet.Cancellation);
        await process.WaitForExitAsync(TestFleet.Cancellation);
        return (process.ExitCode, output, await errors);
    }

    /// <summary>As a power cut would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestFleet.Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static Process Launch(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "edge-fleet.exe" : "edge-fleet"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
