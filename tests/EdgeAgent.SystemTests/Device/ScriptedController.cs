using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using MQTTnet;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace EdgeAgent.SystemTests.Device;

/// <summary>
/// A real broker and enrolment endpoint whose every answer a test decides: for the faults that a healthy controller does
/// not make. The rollouts of the real one are tested beside.
/// </summary>
internal sealed class ScriptedController : IAsyncDisposable
{
    public const string Secret = "secret-of-the-test";

    private readonly TopicSchema _topics = new();
    private readonly ConcurrentDictionary<Sha256Digest, byte[]> _blobs = [];
    private readonly Lock _lock = new();
    private readonly List<ReportedState> _reported = [];
    private readonly List<ReportEvent> _events = [];
    private readonly HttpListener _http = new();
    private readonly Task _serving;
    private MqttServer? _broker;
    private DeviceId _device;
    private TaskCompletionSource _news = NewSignal();
    // Above what a copied state folder has seen of another controller.
    private long _revision = 100;
    private DesiredState? _desired;

    private ScriptedController()
    {
        MqttPort = FreePort();
        Url = $"http://127.0.0.1:{FreePort()}/";
        _http.Prefixes.Add(Url);
        _http.Start();
        _serving = ServeAsync();
    }

    public string Url { get; }

    public int MqttPort { get; }

    public IReadOnlyList<string> VerifyingKeys { get; set; } = [];

    public HttpStatusCode EnrolmentStatus { get; set; } = HttpStatusCode.OK;

    /// <summary>Whether report batches are acknowledged.</summary>
    public bool Acknowledges { get; set; } = true;

    /// <summary>Decides the answer to a blob request: status and bytes, or null for silence.</summary>
    public Func<BlobRequest, byte[], (string Status, byte[] Bytes)?> Answer { get; set; } = (_, bytes) => (BlobResponseProperties.Ok, bytes);

    /// <summary>All blob requests, in order.</summary>
    public ConcurrentQueue<BlobRequest> Requests { get; } = [];

    public EnrolmentRequest? Enrolled { get; private set; }

    public static async Task<ScriptedController> StartAsync(params IReadOnlyList<string> verifyingKeys)
    {
        var controller = new ScriptedController { VerifyingKeys = verifyingKeys };
        await controller.StartBrokerAsync();
        return controller;
    }

    /// <summary>Starts the broker again on the same port, with what is wanted retained as before.</summary>
    public async Task StartBrokerAsync()
    {
        var options = new MqttServerOptionsBuilder().WithDefaultEndpoint().WithDefaultEndpointBoundIPAddress(IPAddress.Loopback).WithDefaultEndpointPort(MqttPort).Build();
        _broker = new MqttServerFactory().CreateMqttServer(options);
        _broker.ValidatingConnectionAsync += connection =>
        {
            if (connection.Password != Secret)
                connection.ReasonCode = MqttConnectReasonCode.BadUserNameOrPassword;
            else
                _device = DeviceId.Parse(connection.ClientId);
            return Task.CompletedTask;
        };
        _broker.InterceptingPublishAsync += OnPublishAsync;
        await _broker.StartAsync();
        if (_desired is not null)
            await PublishDesiredAsync(_desired);
    }

    public async Task StopBrokerAsync()
    {
        if (_broker is null)
            return;
        await _broker.StopAsync();
        _broker.Dispose();
        _broker = null;
    }

    public void Offer(TinyPackage package)
    {
        _blobs[package.Digest] = package.EnvelopeJson;
        foreach (var (digest, bytes) in package.Files)
            _blobs[digest] = bytes;
    }

    /// <summary>Wants a package on the device.</summary>
    public Task WantAsync(DeviceId device, TinyPackage package, string rollout = "r1", long? revision = null)
    {
        Offer(package);
        return WantAsync(device, new Dictionary<string, DesiredModel> { [TinyModels.Model] = new(package.Digest, rollout) }, revision);
    }

    public Task WantAsync(DeviceId device, Dictionary<string, DesiredModel> models, long? revision = null)
    {
        _device = device;
        _revision = Math.Max(_revision + 1, revision ?? 0);
        return PublishDesiredAsync(_desired = new DesiredState { Revision = revision ?? _revision, Models = models });
    }

    public Task CommandAsync(DeviceCommand command) =>
        PublishAsync(TopicKind.Commands, JsonSerializer.SerializeToUtf8Bytes(command, ContractsJson.Default.DeviceCommand), MqttQualityOfServiceLevel.AtLeastOnce, retain: false);

    /// <summary>Waits until the device has reported a state of the model that satisfies, and returns it.</summary>
    public async Task<ReportedModel> ReportedAsync(Func<ReportedModel, bool> isWanted, Func<string> describe) =>
        await WaitAsync(() =>
        {
            foreach (var state in _reported)
                if (state.Models.TryGetValue(TinyModels.Model, out var model) && isWanted(model))
                    return model;
            return null;
        }, describe);

    /// <summary>Waits until events satisfy, and returns all that came so far, each once.</summary>
    public async Task<IReadOnlyList<ReportEvent>> EventsAsync(Func<IReadOnlyList<ReportEvent>, bool> isWanted, Func<string> describe) =>
        await WaitAsync(() =>
        {
            List<ReportEvent> distinct = [.. _events.DistinctBy(e => (e.SpoolId, e.Sequence))];
            return isWanted(distinct) ? distinct : null;
        }, describe);

    /// <summary>Forgets what was reported so far.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _reported.Clear();
            _events.Clear();
        }
        Requests.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopBrokerAsync();
        _http.Close();
        await _serving;
    }

    private async Task<T> WaitAsync<T>(Func<T?> find, Func<string> describe) where T : class
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(AgentProcess.Limit);
        while (true)
        {
            Task news;
            lock (_lock)
            {
                if (find() is { } found)
                    return found;
                news = _news.Task;
            }
            try
            {
                await news.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException("what the test waits for did not come; " + describe());
            }
        }
    }

    private async Task OnPublishAsync(InterceptingPublishEventArgs args)
    {
        if (!_topics.TryParse(args.ApplicationMessage.Topic, out var device, out var kind) || args.ClientId != device.Value)
            return;
        var payload = args.ApplicationMessage.Payload.ToArray();
        switch (kind)
        {
            case TopicKind.Reported:
                Record(() => _reported.Add(JsonSerializer.Deserialize(payload, ContractsJson.Default.ReportedState)!));
                break;
            case TopicKind.Reports:
                var batch = JsonSerializer.Deserialize(payload, ContractsJson.Default.ReportBatch)!;
                Record(() => _events.AddRange(batch.Events));
                if (Acknowledges)
                    await CommandAsync(new DeviceCommand { Kind = DeviceCommandKind.AcknowledgeReports, SpoolId = batch.Events[0].SpoolId, Sequence = batch.Events[^1].Sequence });
                break;
            case TopicKind.BlobRequest:
                await AnswerAsync(JsonSerializer.Deserialize(payload, ContractsJson.Default.BlobRequest)!, args.ApplicationMessage.CorrelationData);
                break;
        }
    }

    private async Task AnswerAsync(BlobRequest request, byte[] correlation)
    {
        Requests.Enqueue(request);
        var blob = _blobs.GetValueOrDefault(request.Digest);
        var bytes = blob is null ? [] : blob.AsSpan((int)request.Offset, (int)Math.Min(request.Length, blob.Length - request.Offset)).ToArray();
        var answer = blob is null ? (BlobResponseProperties.NotFound, []) : Answer(request, bytes);
        if (answer is not ({ } status, { } content))
            return;
        var message = new MqttApplicationMessageBuilder()
            .WithTopic(_topics.Topic(_device, TopicKind.BlobResponse))
            .WithPayload(content)
            .WithCorrelationData(correlation)
            .WithUserProperty(BlobResponseProperties.Status, Encoding.UTF8.GetBytes(status).AsMemory())
            .WithUserProperty(BlobResponseProperties.Size, Encoding.UTF8.GetBytes(FormattableString.Invariant($"{blob?.Length ?? 0}")).AsMemory())
            .Build();
        await InjectAsync(message);
    }

    private Task PublishDesiredAsync(DesiredState desired) =>
        PublishAsync(TopicKind.Desired, JsonSerializer.SerializeToUtf8Bytes(desired, ContractsJson.Default.DesiredState), MqttQualityOfServiceLevel.AtLeastOnce, retain: true);

    private Task PublishAsync(TopicKind kind, byte[] payload, MqttQualityOfServiceLevel quality, bool retain) =>
        InjectAsync(new MqttApplicationMessageBuilder().WithTopic(_topics.Topic(_device, kind)).WithPayload(payload).WithQualityOfServiceLevel(quality).WithRetainFlag(retain).Build());

    private async Task InjectAsync(MqttApplicationMessage message)
    {
        if (_broker is { } broker)
            await broker.InjectApplicationMessage(new InjectedMqttApplicationMessage(message) { SenderClientId = "$controller" });
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _http.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
            context.Response.StatusCode = context.Request.RawUrl == FleetRoutes.Enrol ? (int)EnrolmentStatus : 404;
            if (context.Response.StatusCode == 200)
            {
                Enrolled = (await JsonSerializer.DeserializeAsync(context.Request.InputStream, ContractsJson.Default.EnrolmentRequest))!;
                var answer = new EnrolmentResponse { Device = Enrolled.Device, Secret = Secret, Broker = new BrokerAddress("127.0.0.1", MqttPort, false, TopicSchema.DefaultRoot), VerifyingKeys = VerifyingKeys };
                context.Response.ContentType = "application/json";
                context.Response.OutputStream.Write(JsonSerializer.SerializeToUtf8Bytes(answer, ContractsJson.Default.EnrolmentResponse));
            }
            context.Response.Close();
        }
    }

    private void Record(Action add)
    {
        lock (_lock)
        {
            add();
            _news.TrySetResult();
            _news = NewSignal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
