using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Mqtt;
using MQTTnet;
using MQTTnet.Protocol;

namespace EdgeAgent.Fleet.Broker;

/// <summary>
/// Everything that the controller sends to devices goes through here, and nothing else knows whether the broker is
/// embedded: with an external one, <see cref="Connect"/> gets the publish method of a client.
/// </summary>
internal sealed class DeviceOutbox(TopicSchema topics)
{
    private Func<MqttApplicationMessage, CancellationToken, Task>? _publish;

    public void Connect(Func<MqttApplicationMessage, CancellationToken, Task> publish) => _publish = publish;

    /// <summary>The current wish, kept by the broker for devices that are away.</summary>
    public Task PublishDesiredAsync(DeviceId device, byte[] payload, CancellationToken cancellation) =>
        PublishAsync(Message(device, TopicKind.Desired, MqttQualityOfServiceLevel.AtLeastOnce).WithPayload(payload).WithRetainFlag().Build(), cancellation);

    /// <summary>Takes the retained wish back: the device was removed.</summary>
    public Task ClearDesiredAsync(DeviceId device, CancellationToken cancellation) =>
        PublishAsync(Message(device, TopicKind.Desired, MqttQualityOfServiceLevel.AtLeastOnce).WithRetainFlag().Build(), cancellation);

    public Task PublishCommandAsync(DeviceId device, byte[] payload, CancellationToken cancellation) =>
        PublishAsync(Message(device, TopicKind.Commands, MqttQualityOfServiceLevel.AtLeastOnce).WithPayload(payload).Build(), cancellation);

    /// <summary>Bytes of a blob, at most once: a device asks again for what got lost.</summary>
    public Task PublishBlobAsync(DeviceId device, ReadOnlyMemory<byte> payload, byte[]? correlation, IEnumerable<(string Name, string Value)> properties, CancellationToken cancellation)
    {
        var message = Message(device, TopicKind.BlobResponse, MqttQualityOfServiceLevel.AtMostOnce).WithPayloadSegment(payload);
        if (correlation is not null)
            message.WithCorrelationData(correlation);
        foreach (var (name, value) in properties)
            message.WithUserProperty(name, System.Text.Encoding.UTF8.GetBytes(value).AsMemory());
        return PublishAsync(message.Build(), cancellation);
    }

    private MqttApplicationMessageBuilder Message(DeviceId device, TopicKind kind, MqttQualityOfServiceLevel quality) =>
        new MqttApplicationMessageBuilder().WithTopic(topics.Topic(device, kind)).WithQualityOfServiceLevel(quality);

    private Task PublishAsync(MqttApplicationMessage message, CancellationToken cancellation) =>
        (_publish ?? throw new InvalidOperationException("the broker has not been started"))(message, cancellation);
}
