using System.Text.Json;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Cli.Demo;

/// <param name="Id">Name in the fleet.</param>
/// <param name="Kind">What kind of machine the agent sees.</param>
/// <param name="Threads">Threads of an inference.</param>
internal sealed record DemoDevice(DeviceId Id, HostKind Kind, int Threads);

/// <summary>A controller and its agents, as processes on free ports of this machine.</summary>
internal sealed class DemoFleet : IAsyncDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(3);

    private readonly string _folder;
    private readonly ChildProcess _controller;
    private readonly List<ChildProcess> _agents = [];

    private DemoFleet(string folder, ChildProcess controller, Uri address, string tokenFile) =>
        (_folder, _controller, Address, TokenFile, Client) = (folder, controller, address, tokenFile, new FleetClient(address, File.ReadAllText(tokenFile).Trim(), TimeProvider.System));

    public Uri Address { get; }

    public string TokenFile { get; }

    public FleetClient Client { get; }

    /// <param name="folder">For the controller's data and everybody's logs.</param>
    public static async Task<DemoFleet> StartAsync(string folder, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        var controller = ChildProcess.Start(
            "edge-fleet", ProgramFiles.Find("edge-fleet"), ["--data", Path.Combine(folder, "controller"), "--json"],
            new Dictionary<string, string>(), folder);
        try
        {
            var line = await controller.LineAsync(l => l.StartsWith('{'), "start", StartTime, cancellation);
            using var ready = JsonDocument.Parse(line);
            return new DemoFleet(folder, controller, new Uri(ready.RootElement.GetProperty("url").GetString()!), ready.RootElement.GetProperty("adminTokenFile").GetString()!);
        }
        catch
        {
            await controller.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts agents and waits until the controller sees all of them online.</summary>
    public async Task EnrolAsync(IReadOnlyList<DemoDevice> devices, CancellationToken cancellation)
    {
        foreach (var kind in devices.Select(d => d.Kind).Distinct())
            await Client.PutProfileAsync(kind.Profile.Id, kind.Document, cancellation);
        var token = await Client.NewEnrolmentTokenAsync(new EnrolmentTokenRequest(ValidMinutes: 10, Uses: devices.Count), cancellation);
        foreach (var device in devices)
        {
            var profile = Path.Combine(_folder, device.Kind.Profile.Id + ".json");
            await File.WriteAllBytesAsync(profile, device.Kind.Document, cancellation);
            _agents.Add(ChildProcess.Start(
                device.Id.Value,
                ProgramFiles.Find("edge-agent"),
                [
                    "--controller", Address.ToString(), "--enrol-token", token.Token, "--device", device.Id.Value,
                    "--profile", device.Kind.Profile.Id, "--profile-file", profile, "--state", Path.Combine(_folder, device.Id.Value),
                    "--threads", Units.Text($"{device.Threads}"), "--benchmark-seconds", "2", "--probation-seconds", "3",
                    // Windows of ten seconds and more would take longer than the whole demo may.
                    "--no-energy-windows",
                ],
                device.Kind.Environment,
                _folder));
        }
        await WaitAsync(
            async () => (await Client.DevicesAsync(cancellation)).Count(d => d.Online) >= devices.Count,
            Units.Text($"{devices.Count} agents were not online"), cancellation);
    }

    /// <summary>Asks once in a while until something holds.</summary>
    /// <param name="failure">What to say when it does not in time; the logs are named.</param>
    public async Task WaitAsync(Func<Task<bool>> holds, string failure, CancellationToken cancellation)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            if ((_controller.HasExited ? _controller : _agents.Find(a => a.HasExited)) is { } ended)
                throw new CommandException($"{ended.Name} ended; see {ended.LogPath}");
            if (TimeProvider.System.GetElapsedTime(start) > StartTime)
                throw new CommandException(Units.Text($"{failure} within {StartTime.TotalSeconds:0} s; see the logs in {_folder}"));
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Together, and the agents too where one of them takes its time.
        await Task.WhenAll(_agents.Select(agent => agent.DisposeAsync().AsTask()));
        await _controller.DisposeAsync();
        Client.Dispose();
    }
}
