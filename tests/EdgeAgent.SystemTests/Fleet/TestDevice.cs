using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>A device on the wire, played by a test: says exactly what it is told to say.</summary>
internal sealed class TestDevice : IAsyncDisposable
{
    private static readonly TopicSchema Topics = new();
    private readonly ConcurrentDictionary<TopicKind, Channel<MqttApplicationMessage>> _received = [];
    private readonly TaskCompletionSource _disconnected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _spool = Guid.NewGuid().ToString("N");

    private TestDevice(EnrolmentResponse identity, IMqttClient client)
    {
        (Identity, Client) = (identity, client);
        client.ApplicationMessageReceivedAsync += OnMessageAsync;
        client.DisconnectedAsync += _ =>
        {
            _disconnected.TrySetResult();
            return Task.CompletedTask;
        };
    }

    public EnrolmentResponse Identity { get; }

    public DeviceId Id => Identity.Device;

    public IMqttClient Client { get; }

    /// <summary>Completes when the broker has closed the connection.</summary>
    public Task Disconnected => _disconnected.Task.WaitAsync(TimeSpan.FromMinutes(3), TestFleet.Cancellation);

    public string Spool => _spool;

    public static async Task<TestDevice> ConnectAsync(EnrolmentResponse identity, int port, Action<MqttClientOptionsBuilder>? configure = null, bool subscribe = true)
    {
        var client = new MqttClientFactory().CreateMqttClient();
        var device = new TestDevice(identity, client);
        await client.ConnectAsync(Options(identity.Device.Value, identity.Secret, port, configure), TestFleet.Cancellation);
        if (subscribe)
            await client.SubscribeAsync(Topics.Subtree(identity.Device), MqttQualityOfServiceLevel.AtLeastOnce, TestFleet.Cancellation);
        return device;
    }

    public static MqttClientOptions Options(string id, string password, int port, Action<MqttClientOptionsBuilder>? configure = null, string? userName = null)
    {
        var builder = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer("127.0.0.1", port)
            .WithClientId(id)
            .WithCredentials(userName ?? id, password);
        configure?.Invoke(builder);
        return builder.Build();
    }

    public static string Topic(string device, TopicKind kind) => Topics.Topic(DeviceId.Parse(device), kind);

    /// <summary>The next message of a kind that is not a retained echo of what the device itself said.</summary>
    public async Task<MqttApplicationMessage> ReceiveAsync(TopicKind kind)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, TestFleet.Cancellation);
        return await Inbox(kind).Reader.ReadAsync(either.Token);
    }

    public async Task<DesiredState> DesiredAsync() =>
        JsonSerializer.Deserialize(Bytes(await ReceiveAsync(TopicKind.Desired)), ContractsJson.Default.DesiredState)!;

    public bool HasReceived(TopicKind kind) => Inbox(kind).Reader.TryPeek(out _);

    public Task<MqttClientPublishResult> PublishAsync(string topic, byte[] payload, bool retain = false, string? responseTopic = null, byte[]? correlation = null) =>
        Client.PublishAsync(new MqttApplicationMessage
        {
            Topic = topic,
            Payload = new ReadOnlySequence<byte>(payload),
            QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce,
            Retain = retain,
            ResponseTopic = responseTopic,
            CorrelationData = correlation,
        }, TestFleet.Cancellation);

    /// <summary>Publishes a document of the device; when it returns, the controller has handled it.</summary>
    public async Task PublishAsync<T>(TopicKind kind, T document, JsonTypeInfo<T> type)
    {
        var result = await PublishAsync(Topics.Topic(Id, kind), JsonSerializer.SerializeToUtf8Bytes(document, type), retain: kind is TopicKind.Status or TopicKind.Reported);
        Assert.True(result.IsSuccess, $"{kind}: {result.ReasonCode} {result.ReasonString}");
    }

    /// <summary>Answers a desired state with a step of its deployment.</summary>
    public Task ReportAsync(DesiredState desired, DeploymentState state, string? reason = null, string model = TestPackages.Model)
    {
        var wanted = desired.Models[model];
        return PublishAsync(TopicKind.Reported, new ReportedState
        {
            Revision = desired.Revision,
            Models = new Dictionary<string, ReportedModel>
            {
                [model] = new()
                {
                    Current = state == DeploymentState.Committed ? wanted.Digest : null,
                    Deploying = wanted.Digest,
                    Rollout = wanted.Rollout,
                    State = state,
                    Reason = reason,
                },
            },
        }, ContractsJson.Default.ReportedState);
    }

    /// <summary>Asks for bytes of a blob.</summary>
    public async Task<(string Status, long Size, byte[] Bytes)> FetchAsync(Sha256Digest digest, long offset, int length)
    {
        var correlation = Guid.NewGuid().ToByteArray();
        var request = JsonSerializer.SerializeToUtf8Bytes(new BlobRequest { Digest = digest, Offset = offset, Length = length }, ContractsJson.Default.BlobRequest);
        await PublishAsync(Topics.Topic(Id, TopicKind.BlobRequest), request, responseTopic: Topics.Topic(Id, TopicKind.BlobResponse), correlation: correlation);
        var answer = await ReceiveAsync(TopicKind.BlobResponse);
        Assert.Equal(correlation, answer.CorrelationData);
        var properties = answer.UserProperties.ToDictionary(p => p.Name, p => Encoding.UTF8.GetString(p.ValueBuffer.Span));
        return (properties[BlobResponseProperties.Status], long.Parse(properties[BlobResponseProperties.Size]), Bytes(answer));
    }

    public ReportEvent Event(long sequence, BenchmarkReport? benchmark = null) => new()
    {
        SpoolId = _spool,
        Sequence = sequence,
        BootId = "boot",
        MonotonicMs = sequence,
        Time = DateTimeOffset.UnixEpoch.AddSeconds(sequence),
        ClockSynchronised = true,
        Benchmark = benchmark,
    };

    /// <summary>Sends a batch and waits for its acknowledgement.</summary>
    public async Task<DeviceCommand> SendAsync(params ReportEvent[] events)
    {
        await PublishAsync(TopicKind.Reports, new ReportBatch { Events = events }, ContractsJson.Default.ReportBatch);
        return JsonSerializer.Deserialize(Bytes(await ReceiveAsync(TopicKind.Commands)), ContractsJson.Default.DeviceCommand)!;
    }

    /// <summary>Leaves without a word, as in a power cut.</summary>
    public void Vanish() => Client.Dispose();

    public async ValueTask DisposeAsync()
    {
        if (Client.IsConnected)
            await Client.DisconnectAsync();
        Client.Dispose();
    }

    private static byte[] Bytes(MqttApplicationMessage message) => message.Payload.ToArray();

    private Channel<MqttApplicationMessage> Inbox(TopicKind kind) => _received.GetOrAdd(kind, _ => Channel.CreateUnbounded<MqttApplicationMessage>());

    private Task OnMessageAsync(MqttApplicationMessageReceivedEventArgs received)
    {
        if (Topics.TryParse(received.ApplicationMessage.Topic, out _, out var kind))
            Inbox(kind).Writer.TryWrite(received.ApplicationMessage);
        return Task.CompletedTask;
    }
}
