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
    /// <param name="dataDirectory">Of the controller.</param>
    /// <param name="maxFileBytes">Largest file that the operating system lets it write: a disk that is full at will.</param>
    public static async Task<FleetProcess> StartAsync(string dataDirectory, int? maxFileBytes = null)
    {
        string[] arguments = ["--json", "--data", dataDirectory];
        var fleet = new FleetProcess(maxFileBytes is { } bytes
            ? Launch("/bin/sh", ["-c", $"trap '' XFSZ; ulimit -f {bytes / 512}; exec \"$0\" \"$@\"", Program, .. arguments],
                // The runtime maps code through a file of its own, which the limit would hit.
                new Dictionary<string, string> { ["DOTNET_EnableWriteXorExecute"] = "0" })
            : Launch(Program, arguments));
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
        using var process = Launch(Program, arguments, environment);
        var errors = process.StandardError.ReadToEndAsync(TestFleet.Cancellation);
        var output = await process.StandardOutput.ReadToEndAsync(TestFleet.Cancellation);
        await process.WaitForExitAsync(TestFleet.Cancellation);
        return (process.ExitCode, output, await errors);
    }

    /// <summary>Asks it to end, as a service manager does.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> TerminateAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync(TestFleet.Cancellation);
        await _process.WaitForExitAsync(TestFleet.Cancellation);
        return _process.ExitCode;
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

    private static string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "edge-fleet.exe" : "edge-fleet");

    private static Process Launch(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
