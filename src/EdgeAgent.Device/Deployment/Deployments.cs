using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Deployment;

/// <summary>All models of the device: takes the controller's wishes, runs one deployment per model, sums up what runs.</summary>
internal sealed class Deployments
{
    private const int MaxDesiredBytes = 256 << 10;

    private readonly DeploymentServices _services;
    private readonly Dictionary<string, ModelDeployment> _models = new(StringComparer.Ordinal);
    private readonly List<Task> _running = [];
    private readonly Lock _lock = new();
    private readonly AsyncSignal _added;
    private byte[]? _desired;
    private long _revision;
    private bool _isRestored;

    /// <summary>Restores every model that the state folder knows: they serve before there is a network.</summary>
    public Deployments(DeploymentServices services)
    {
        _services = services;
        _added = new AsyncSignal(services.Time);
        foreach (var name in KnownModels())
            _models[name] = new ModelDeployment(name, services, OnChanged);
        _desired = DurableFile.Read(services.State.Desired);
        if (_desired is not null && Read(_desired, out _) is { } desired)
            Apply(desired);
        _isRestored = true;
        OnChanged();
    }

    /// <summary>What runs has changed; called from any thread.</summary>
    public event Action? Changed;

    public ReportedState Reported()
    {
        lock (_lock)
            return new ReportedState { Revision = _revision, Models = _models.ToDictionary(m => m.Key, m => m.Value.Reported) };
    }

    /// <summary>Takes a desired state off the wire; what is older or not sound is ignored with a line in the log.</summary>
    public void Accept(ReadOnlySpan<byte> json)
    {
        if (Read(json, out var fault) is not { } desired)
        {
            Log.DesiredIgnored(_services.Logger, fault);
            return;
        }
        lock (_lock)
        {
            if (desired.Revision < _revision)
            {
                Log.DesiredIgnored(_services.Logger, $"revision {desired.Revision} is older than {_revision}");
                return;
            }
            // Retained, it comes with every connection: only what differs is worth a write.
            if (!json.SequenceEqual(_desired))
            {
                DurableFile.Write(_services.State.Desired, json);
                _desired = json.ToArray();
            }
            Apply(desired);
        }
        OnChanged();
    }

    public void BenchmarkNow(string? model)
    {
        lock (_lock)
            if (model is not null && _models.TryGetValue(model, out var deployment))
                deployment.BenchmarkNow();
    }

    /// <summary>Runs all deployments; ends with the first that ends in an error.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        HashSet<string> started = [];
        while (true)
        {
            lock (_lock)
                foreach (var (name, deployment) in _models)
                    if (started.Add(name))
                        _running.Add(Task.Run(() => deployment.RunAsync(Collect, cancellation), cancellation));
            var added = _added.WaitAsync(Timeout.InfiniteTimeSpan, cancellation);
            await await Task.WhenAny([.. _running, added]);
        }
    }

    private void Apply(DesiredState desired)
    {
        _revision = desired.Revision;
        foreach (var (name, wanted) in desired.Models)
        {
            if (!_models.TryGetValue(name, out var deployment))
            {
                _models[name] = deployment = new ModelDeployment(name, _services, OnChanged);
                _added.Set();
            }
            deployment.Want(wanted);
        }
        foreach (var (name, deployment) in _models)
            if (!desired.Models.ContainsKey(name))
                deployment.Want(null);
    }

    private void OnChanged()
    {
        if (_isRestored)
            Changed?.Invoke();
    }

    private void Collect()
    {
        lock (_lock)
            _services.Content.Keep(_models.Values.SelectMany(m => m.Files()).ToHashSet());
    }

    private IEnumerable<string> KnownModels()
    {
        var records = Directory.EnumerateFiles(_services.State.Deployments, "*.json").Select(Path.GetFileNameWithoutExtension).Where(name => !name!.EndsWith(".envelope", StringComparison.Ordinal));
        var slots = Directory.EnumerateDirectories(_services.State.Models).Select(Path.GetFileName);
        return records.Concat(slots).OfType<string>().Where(name => DeviceId.TryParse(name, out _)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
    }

    private static DesiredState? Read(ReadOnlySpan<byte> json, out string fault)
    {
        fault = "";
        if (json.Length > MaxDesiredBytes)
            fault = $"it has {json.Length} bytes; at most {MaxDesiredBytes} are allowed";
        if (fault.Length > 0)
            return null;
        try
        {
            var desired = JsonSerializer.Deserialize(json, ContractsJson.Default.DesiredState);
            if (desired is not { Schema: 1, Models: not null })
                fault = "its schema is not known to this version";
            else if (desired.Models.Count > DesiredState.MaxModels)
                fault = $"it names {desired.Models.Count} models; at most {DesiredState.MaxModels} are allowed";
            else if (desired.Models.Any(m => !DeviceId.TryParse(m.Key, out _) || m.Value is null || m.Value.Digest.IsEmpty))
                fault = "a model's name or digest is not valid";
            return fault.Length == 0 ? desired : null;
        }
        catch (JsonException)
        {
            fault = "it is not JSON of the form {revision, models}";
            return null;
        }
    }
}
