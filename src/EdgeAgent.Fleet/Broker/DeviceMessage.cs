using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Mqtt;

namespace EdgeAgent.Fleet.Broker;

/// <summary>What a device sent, after the broker checked that it may.</summary>
/// <param name="Device">The sender, authenticated.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="Payload">At most <see cref="PacketSizeLimit.MaxPacketBytes"/>.</param>
/// <param name="ResponseTopic">Where the sender wants an answer; not checked.</param>
/// <param name="Correlation">To be sent back with the answer.</param>
internal sealed record DeviceMessage(DeviceId Device, TopicKind Kind, ReadOnlyMemory<byte> Payload, string? ResponseTopic, byte[]? Correlation);
