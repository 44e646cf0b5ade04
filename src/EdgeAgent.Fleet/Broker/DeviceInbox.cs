using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Artifacts;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Reports;

namespace EdgeAgent.Fleet.Broker;

/// <summary>A document of a device cannot be used; the message is one line.</summary>
internal sealed class DocumentException(string message) : Exception(message);

/// <summary>Takes messages of devices to whoever handles them. When it returns, their effect is in the database.</summary>
internal sealed class DeviceInbox(DeviceStates states, ReportIntake reports, BlobService blobs)
{
    /// <exception cref="DocumentException">The payload is not what the topic carries.</exception>
    public Task HandleAsync(DeviceMessage message, CancellationToken cancellation) => message.Kind switch
    {
        TopicKind.Status => states.ApplyAsync(message.Device, Read(message, ContractsJson.Default.DeviceStatus), cancellation),
        TopicKind.Reported => states.ApplyAsync(message.Device, Read(message, ContractsJson.Default.ReportedState), cancellation),
        TopicKind.Reports => reports.StoreAsync(message.Device, Read(message, ContractsJson.Default.ReportBatch), cancellation),
        TopicKind.BlobRequest => blobs.AnswerAsync(message, cancellation),
        _ => throw new DocumentException($"devices do not send {message.Kind}"),
    };

    /// <summary>Whether others may want to see the message too; the rest is for the controller alone.</summary>
    public static bool IsForwarded(TopicKind kind) => kind is TopicKind.Status or TopicKind.Reported;

    private static T Read<T>(DeviceMessage message, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(message.Payload.Span, type) ?? throw new DocumentException("the document is null");
        }
        catch (JsonException e)
        {
            throw new DocumentException($"the document is not the JSON that the topic carries (at {e.Path ?? "$"})");
        }
    }
}
