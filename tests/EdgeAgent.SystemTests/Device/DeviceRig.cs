using System.Text.Json.Nodes;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.SystemTests.Device;

/// <summary>A device with a state folder of its own and a controller that a test scripts.</summary>
internal sealed class DeviceRig : IAsyncDisposable
{
    public static readonly DeviceId Device = DeviceId.Parse("rig-1");

    private readonly string _folder = Directory.CreateTempSubdirectory("edge-agent-rig-").FullName;
    private readonly List<AgentProcess> _agents = [];

    private DeviceRig(ScriptedController controller, TinyModels models) => (Controller, Models) = (controller, models);

    public ScriptedController Controller { get; }

    public TinyModels Models { get; }

    public string State => Path.Combine(_folder, "state");

    /// <summary>Whatever the agents said, for a test that fails.</summary>
    public string Log => string.Join("\n---\n", _agents.Select(agent => agent.Error));

    public static async Task<DeviceRig> CreateAsync()
    {
        var models = new TinyModels();
        return new DeviceRig(await ScriptedController.StartAsync(models.PublicKeyPem), models);
    }

    /// <summary>A device that is enrolled and serves a first model, without the work of getting there.</summary>
    public static async Task<DeviceRig> FromAsync(PreparedDevice prepared)
    {
        var rig = new DeviceRig(await ScriptedController.StartAsync(), prepared.Models);
        prepared.CopyTo(rig.State, rig.Controller.MqttPort);
        return rig;
    }

    public string[] EnrolArguments => ["--controller", Controller.Url, "--enrol-token", "t", "--device", Device.Value, "--profile", TinyModels.Profile, .. QuickArguments];

    /// <summary>All that a device needs once it is enrolled, with a short benchmark and probation.</summary>
    public string[] QuickArguments => ["--state", State, "--benchmark-seconds", "0.1", "--probation-seconds", "0.1"];

    public AgentProcess Start(string? fault = null, AgentProgram? program = null, bool enrol = false, params string[] more)
    {
        var agent = AgentProcess.Start(program ?? AgentProgram.Built, [.. enrol ? EnrolArguments : QuickArguments, .. more], fault);
        _agents.Add(agent);
        return agent;
    }

    /// <summary>Waits until the device reports that a deployment of the package ended so.</summary>
    public Task<ReportedModel> SettledAsync(TinyPackage package, DeploymentState state) =>
        Controller.ReportedAsync(model => model.Deploying == package.Digest && model.State == state, Describe);

    public string Describe() => $"the agents said:\n{Log}";

    /// <summary>The state that is written down, as a crash left it.</summary>
    public string RecordedState =>
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(State, "deployments", TinyModels.Model + ".json")))!["state"]!.GetValue<string>();

    /// <summary>The package in the slot that <c>current</c> names.</summary>
    public Sha256Digest? CurrentOnDisk
    {
        get
        {
            var envelope = Path.Combine(State, "models", TinyModels.Model, "current", "envelope.json");
            return File.Exists(envelope) ? PackageVerifier.ReadEnvelope(File.ReadAllBytes(envelope)).Digest : null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in _agents)
            await agent.DisposeAsync();
        await Controller.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>A state folder that was really enrolled and really got its first model, to be copied for many tests.</summary>
public sealed class PreparedDevice : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-agent-prepared-").FullName;

    internal TinyModels Models { get; } = new();

    internal TinyPackage First { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        First = Models.Int8(seed: 1);
        await using var controller = await ScriptedController.StartAsync(Models.PublicKeyPem);
        await using var agent = AgentProcess.Start(AgentProgram.Built,
        [
            "--controller", controller.Url, "--enrol-token", "t", "--device", DeviceRig.Device.Value, "--profile", TinyModels.Profile,
            "--state", _folder, "--benchmark-seconds", "0.1", "--probation-seconds", "0.1",
        ]);
        await controller.WantAsync(DeviceRig.Device, First, "r0");
        await controller.ReportedAsync(model => model.State == DeploymentState.Committed, () => agent.Error);
        // The serving benchmark comes last: afterwards nothing is under way.
        await controller.EventsAsync(events => events.Any(e => e.Benchmark?.Phase == Contracts.Benchmarks.BenchmarkPhase.Serving), () => agent.Error);
        Assert.Equal(0, await agent.StopAsync());
    }

    public ValueTask DisposeAsync()
    {
        Models.Dispose();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal void CopyTo(string state, int mqttPort)
    {
        Copy(new DirectoryInfo(_folder), state);
        var identity = Path.Combine(state, "device.json");
        var json = JsonNode.Parse(File.ReadAllBytes(identity))!;
        json["broker"]!["port"] = mqttPort;
        File.WriteAllText(identity, json.ToJsonString());
    }

    private static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var entry in from.EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry.LinkTarget is { } link)
                File.CreateSymbolicLink(target, link);
            else if (entry is DirectoryInfo folder)
                Copy(folder, target);
            else
                ((FileInfo)entry).CopyTo(target);
        }
    }
}
