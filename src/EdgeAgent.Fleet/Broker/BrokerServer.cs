using System.Buffers;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Hosting;
using MQTTnet.AspNetCore;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace EdgeAgent.Fleet.Broker;

/// <summary>
/// The embedded MQTT 5 broker. Devices authenticate with their id and secret and reach their own subtree only; what
/// they send goes through <see cref="DeviceInbox"/> before anybody else sees it.
/// </summary>
internal sealed class BrokerServer : IHostedLifecycleService, IDisposable
{
    // Devices are recognised by ids that begin with a letter or digit: no device can be this sender.
    private const string ControllerId = "$controller";

    private readonly MqttServer _server;
    private readonly TopicSchema _topics;
    private readonly DeviceSecrets _secrets;
    private readonly DeviceInbox _inbox;
    private readonly DeviceOutbox _outbox;
    private readonly ILogger<BrokerServer> _log;
    private volatile bool _isStopping;

    public BrokerServer(MqttConnectionHandler connections, TopicSchema topics, DeviceSecrets secrets, DeviceInbox inbox, DeviceOutbox outbox, ILogger<BrokerServer> log)
    {
        (_topics, _secrets, _inbox, _outbox, _log) = (topics, secrets, inbox, outbox, log);
        var options = new MqttServerOptions
        {
            DefaultCommunicationTimeout = TimeSpan.FromSeconds(15),
            // Desired states are retained, reports are acknowledged one by one and chunks are asked for again: nothing
            // is lost when a session ends or a queue overflows, so that both may be small.
            EnablePersistentSessions = false,
            MaxPendingMessagesPerClient = 128,
            PendingMessagesOverflowStrategy = MqttPendingMessagesOverflowStrategy.DropOldestQueuedMessage,
        };
        _server = new MqttServer(options, [connections], new BrokerLog(log));
        _server.ValidatingConnectionAsync += ValidateAsync;
        _server.InterceptingPublishAsync += InterceptPublishAsync;
        _server.InterceptingSubscriptionAsync += InterceptSubscriptionAsync;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _server.StartAsync();
        _outbox.Connect((message, cancellation) =>
            _server.InjectApplicationMessage(new InjectedMqttApplicationMessage(message) { SenderClientId = ControllerId }, cancellation));
    }

    /// <summary>
    /// Ends the connections of devices first: the web server would wait for them, as they never end by themselves. Last
    /// wills do not count from here on; the next start takes every device for offline anyway.
    /// </summary>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _isStopping = true;
        _server.AcceptNewConnections = false;
        return _server.StopAsync(new MqttServerStopOptionsBuilder().Build());
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends the connection of a device whose secret no longer counts.</summary>
    public async Task DisconnectAsync(DeviceId device)
    {
        try
        {
            await _server.DisconnectClientAsync(device.Value, MqttDisconnectReasonCode.NotAuthorized);
        }
        catch (InvalidOperationException)
        {
            // It was not connected.
        }
    }

    public void Dispose() => _server.Dispose();

    private async Task ValidateAsync(ValidatingConnectionEventArgs connection)
    {
        if (connection.ProtocolVersion != MqttProtocolVersion.V500)
        {
            Refuse(connection, MqttConnectReasonCode.UnsupportedProtocolVersion, "MQTT 5 is required");
            return;
        }
        // The same answer for an unknown device and a wrong secret: nobody learns which ids exist.
        if (!DeviceId.TryParse(connection.ClientId, out var device)
            || connection.UserName != connection.ClientId
            || !await _secrets.MatchesAsync(device, connection.Password))
        {
            Refuse(connection, MqttConnectReasonCode.BadUserNameOrPassword, "client id and user name have to be the device id, and the password its secret");
        }
    }

    private void Refuse(ValidatingConnectionEventArgs connection, MqttConnectReasonCode code, string reason)
    {
        connection.ReasonCode = code;
        connection.ReasonString = reason;
        var clientId = connection.ClientId ?? "";
        _log.ConnectionRefused(clientId.Length <= 64 ? clientId : clientId[..64], connection.RemoteEndPoint?.ToString() ?? "", reason);
    }

    private async Task InterceptPublishAsync(InterceptingPublishEventArgs publish)
    {
        if (publish.ClientId == ControllerId)
            return;
        if (_isStopping)
        {
            Refuse(publish, MqttPubAckReasonCode.UnspecifiedError, "the controller is stopping; send it again");
            return;
        }
        var message = publish.ApplicationMessage;
        // A last will comes this way too, with the id of the device that left it.
        if (!DeviceId.TryParse(publish.ClientId, out var device)
            || !_topics.MayPublish(device, message.Topic)
            || !_topics.TryParse(message.Topic, out _, out var kind))
        {
            _log.PublishRefused(publish.ClientId, message.Topic);
            Refuse(publish, MqttPubAckReasonCode.NotAuthorized, "a device may publish its own status, reported state, reports and blob requests only");
            return;
        }
        publish.ProcessPublish = DeviceInbox.IsForwarded(kind);
        try
        {
            var payload = message.Payload.IsSingleSegment ? message.Payload.First : message.Payload.ToArray();
            await _inbox.HandleAsync(new DeviceMessage(device, kind, payload, message.ResponseTopic, message.CorrelationData), publish.CancellationToken);
        }
        catch (DocumentException e)
        {
            _log.DocumentRefused(device, message.Topic, e.Message);
            Refuse(publish, MqttPubAckReasonCode.PayloadFormatInvalid, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Thrown on, it would end the device's connection; not acknowledged, the device sends again.
            _log.MessageFailed(device, message.Topic, e);
            Refuse(publish, MqttPubAckReasonCode.UnspecifiedError, "the controller could not store the message; send it again");
        }
    }

    private static void Refuse(InterceptingPublishEventArgs publish, MqttPubAckReasonCode code, string reason)
    {
        publish.ProcessPublish = false;
        publish.Response.ReasonCode = code;
        publish.Response.ReasonString = reason;
    }

    private Task InterceptSubscriptionAsync(InterceptingSubscriptionEventArgs subscription)
    {
        var filter = subscription.TopicFilter.Topic;
        if (!DeviceId.TryParse(subscription.ClientId, out var device) || !_topics.MaySubscribe(device, filter))
        {
            _log.SubscriptionRefused(subscription.ClientId, filter);
            subscription.ProcessSubscription = false;
            subscription.Response.ReasonCode = MqttSubscribeReasonCode.NotAuthorized;
            subscription.ReasonString = "a device may subscribe to its own topics only";
        }
        return Task.CompletedTask;
    }
}
