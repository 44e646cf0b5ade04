using System.Buffers;
using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Device.Enrolment;
using Microsoft.Extensions.Logging;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using Polly;
using Polly.Retry;

namespace EdgeAgent.Device.Mqtt;

/// <summary>
/// The device's connection to the broker: keeps it up with jittered backoff, holds the session across drops, tells the
/// broker a last will, and hands what arrives to one handler. Thread-safe.
/// </summary>
internal sealed class DeviceLink : IAsyncDisposable
{
    /// <summary>How long the broker keeps what it could not deliver; longer absences are healed by retained messages.</summary>
    private const uint SessionExpirySeconds = 24 * 3600;

    private const uint MaxPacketBytes = 1 << 20;

    private readonly DeviceIdentity _identity;
    private readonly Func<HardwareReport> _hardware;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly TopicSchema _topics;
    private readonly IMqttClient _client;
    private readonly MqttClientOptions _options;
    private readonly string _session = Guid.NewGuid().ToString("N");
    private readonly Lock _lock = new();
    private TaskCompletionSource _connected = NewSignal();
    private TaskCompletionSource _disconnected = NewSignal();

    /// <param name="identity">Who the device is and where its broker listens.</param>
    /// <param name="hardware">Reported with every connection.</param>
    /// <param name="time">Paces reconnection.</param>
    /// <param name="log">One line for each change of the connection.</param>
    /// <exception cref="AgentException">The broker is neither TLS nor on this machine.</exception>
    public DeviceLink(DeviceIdentity identity, Func<HardwareReport> hardware, TimeProvider time, ILogger log)
    {
        (_identity, _hardware, _time, _log) = (identity, hardware, time, log);
        _topics = new TopicSchema(identity.Broker.TopicRoot);
        _client = new MqttClientFactory().CreateMqttClient();
        _client.ApplicationMessageReceivedAsync += OnMessageAsync;
        _client.DisconnectedAsync += OnDisconnectedAsync;
        _options = Options();
    }

    /// <summary>Takes every message of the device's own topics; must return quickly.</summary>
    public Action<TopicKind, MqttApplicationMessage>? Received { get; set; }

    /// <summary>The connection is up and subscribed.</summary>
    public event Action? Connected;

    public bool IsConnected => _client.IsConnected;

    public string Topic(TopicKind kind) => _topics.Topic(_identity.Device, kind);

    /// <summary>Completes at once while connected, otherwise with the next connection.</summary>
    public Task WaitConnectedAsync(CancellationToken cancellation)
    {
        lock (_lock)
            return _connected.Task.WaitAsync(cancellation);
    }

    /// <summary>Keeps the connection up until cancelled; then says goodbye.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var connect = new ResiliencePipelineBuilder { TimeProvider = _time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                Delay = TimeSpan.FromMilliseconds(500),
                MaxDelay = TimeSpan.FromSeconds(30),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                // MQTTnet reports its own time limit as a cancellation.
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is not null && !cancellation.IsCancellationRequested),
                OnRetry = args =>
                {
                    // The first failure is news; of the following ones every tenth.
                    if (args.AttemptNumber % 10 == 0)
                        Log.BrokerNotThere(_log, _identity.Broker.Host, _identity.Broker.Port, OneLine(args.Outcome.Exception!));
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        try
        {
            while (true)
            {
                await connect.ExecuteAsync(async token => await ConnectAsync(token), cancellation);
                Log.Connected(_log, _identity.Broker.Host, _identity.Broker.Port);
                Task disconnected;
                lock (_lock)
                {
                    disconnected = _disconnected.Task;
                    _connected.TrySetResult();
                }
                Connected?.Invoke();
                await disconnected.WaitAsync(cancellation);
                Log.Disconnected(_log, _identity.Broker.Host, _identity.Broker.Port);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await SayGoodbyeAsync();
        }
    }

    /// <summary>Publishes; false where the connection is down or breaks meanwhile.</summary>
    /// <param name="kind">Topic.</param>
    /// <param name="payload">UTF-8 JSON.</param>
    /// <param name="configure">Adds properties, or null.</param>
    /// <param name="quality">At least once for control, at most once for what is asked again anyway.</param>
    /// <param name="retain">Whether the broker keeps it.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public async Task<bool> TryPublishAsync(TopicKind kind, byte[] payload, Action<MqttApplicationMessage>? configure, MqttQualityOfServiceLevel quality, bool retain, CancellationToken cancellation)
    {
        var message = new MqttApplicationMessage
        {
            Topic = Topic(kind),
            Payload = new ReadOnlySequence<byte>(payload),
            QualityOfServiceLevel = quality,
            Retain = retain,
        };
        configure?.Invoke(message);
        try
        {
            return (await _client.PublishAsync(message, cancellation)).IsSuccess;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await SayGoodbyeAsync();
        _client.Dispose();
    }

    private async Task ConnectAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_connected.Task.IsCompleted)
                _connected = NewSignal();
            if (_disconnected.Task.IsCompleted)
                _disconnected = NewSignal();
        }
        var result = await _client.ConnectAsync(_options, cancellation);
        if (result.ResultCode != MqttClientConnectResultCode.Success)
            throw new IOException($"the broker answers {result.ResultCode}; if the device was removed from the controller, enrol it again with a new --state folder");
        try
        {
            await IntroduceAsync(cancellation);
        }
        catch
        {
            // Left open, the connection would refuse to be opened again.
            await _client.DisconnectAsync(new MqttClientDisconnectOptions(), CancellationToken.None);
            throw;
        }
    }

    /// <summary>Subscribes, and says who is there.</summary>
    private async Task IntroduceAsync(CancellationToken cancellation)
    {
        var subscription = new MqttClientFactory().CreateSubscribeOptionsBuilder()
            .WithTopicFilter(Topic(TopicKind.Desired), MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topic(TopicKind.Commands), MqttQualityOfServiceLevel.AtLeastOnce)
            .WithTopicFilter(Topic(TopicKind.BlobResponse), MqttQualityOfServiceLevel.AtMostOnce)
            .Build();
        await _client.SubscribeAsync(subscription, cancellation);
        if (!await TryPublishAsync(TopicKind.Status, Status(online: true, _hardware()), null, MqttQualityOfServiceLevel.AtLeastOnce, retain: true, cancellation))
            throw new IOException("the broker did not take the device's status");
    }

    private async Task SayGoodbyeAsync()
    {
        if (!_client.IsConnected)
            return;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), _time);
        await TryPublishAsync(TopicKind.Status, Status(online: false, null), null, MqttQualityOfServiceLevel.AtLeastOnce, retain: true, patience.Token);
        try
        {
            await _client.DisconnectAsync(new MqttClientDisconnectOptions { Reason = MqttClientDisconnectOptionsReason.NormalDisconnection }, patience.Token);
        }
        catch (Exception)
        {
            // The broker went first; it has the last will.
        }
    }

    private Task OnMessageAsync(MqttApplicationMessageReceivedEventArgs args)
    {
        if (_topics.TryParse(args.ApplicationMessage.Topic, out var device, out var kind) && device == _identity.Device)
            Received?.Invoke(kind, args.ApplicationMessage);
        return Task.CompletedTask;
    }

    private Task OnDisconnectedAsync(MqttClientDisconnectedEventArgs args)
    {
        lock (_lock)
        {
            _disconnected.TrySetResult();
            if (_connected.Task.IsCompleted)
                _connected = NewSignal();
        }
        return Task.CompletedTask;
    }

    private MqttClientOptions Options()
    {
        var broker = _identity.Broker;
        var isLoopback = broker.Host is "localhost" || (System.Net.IPAddress.TryParse(broker.Host, out var address) && System.Net.IPAddress.IsLoopback(address));
        if (!broker.Tls && !isLoopback)
            throw new AgentException($"broker {broker.Host}:{broker.Port} is neither TLS nor on this machine; configure TLS at the controller and enrol again");
        var builder = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(broker.Host, broker.Port)
            .WithClientId(_identity.Device.Value)
            .WithCredentials(_identity.Device.Value, _identity.Secret)
            .WithCleanStart(false)
            .WithSessionExpiryInterval(SessionExpirySeconds)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(30))
            .WithTimeout(TimeSpan.FromSeconds(15))
            .WithMaximumPacketSize(MaxPacketBytes)
            .WithWillTopic(Topic(TopicKind.Status))
            .WithWillPayload(Status(online: false, null))
            .WithWillRetain()
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (broker.Tls)
        {
            var authorities = _identity.CaPem is { } pem ? EnrolmentClient.ReadAuthorities(pem) : null;
            builder = builder.WithTlsOptions(tls =>
            {
                tls.UseTls().WithTargetHost(broker.Host);
                if (authorities is not null)
                    tls.WithCertificateValidationHandler(args => EnrolmentClient.IsIssuedBy(authorities, args.Certificate, args.SslPolicyErrors));
            });
        }
        return builder.Build();
    }

    private byte[] Status(bool online, HardwareReport? hardware) =>
        JsonSerializer.SerializeToUtf8Bytes(new DeviceStatus { Online = online, Session = _session, Hardware = hardware }, ContractsJson.Default.DeviceStatus);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string OneLine(Exception e) => (e.InnerException ?? e).Message.ReplaceLineEndings(" ");
}
