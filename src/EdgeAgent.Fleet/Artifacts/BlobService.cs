using System.Globalization;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Storage;
using Microsoft.EntityFrameworkCore;

namespace EdgeAgent.Fleet.Artifacts;

/// <summary>Answers devices that ask for bytes of a package: of those packages only that their own desired state names.</summary>
internal sealed class BlobService(FleetStore store, BlobStore blobs, DownloadLeases leases, DeviceOutbox outbox, TopicSchema topics)
{
    private const int MaxCorrelationBytes = 64;

    private static readonly Func<FleetDatabase, DeviceId, Sha256Digest, Task<byte[]?>> WantedEnvelope = EF.CompileAsyncQuery(
        (FleetDatabase db, DeviceId device, Sha256Digest digest) => db.Packages
            .Where(p => p.Digest == digest && db.Desired.Any(d => d.Device == device && d.Digest == digest))
            .Select(p => p.Envelope).FirstOrDefault());

    private static readonly Func<FleetDatabase, DeviceId, Sha256Digest, Task<long?>> WantedFileSize = EF.CompileAsyncQuery(
        (FleetDatabase db, DeviceId device, Sha256Digest digest) => db.PackageFiles
            .Where(f => f.Digest == digest && db.Desired.Any(d => d.Device == device && d.Digest == f.Package))
            .Select(f => (long?)f.Size).FirstOrDefault());

    /// <summary>Sends the answer to the device's own response topic, wherever the request wants it.</summary>
    public async Task AnswerAsync(DeviceMessage message, CancellationToken cancellation)
    {
        if (message.Correlation?.Length > MaxCorrelationBytes)
            throw new DocumentException($"the correlation data has more than {MaxCorrelationBytes} bytes");
        if (message.ResponseTopic is { Length: > 0 } topic && topic != topics.Topic(message.Device, TopicKind.BlobResponse))
            throw new DocumentException("the response topic is not the device's own blobs/response");
        var (status, size, bytes) = await FindAsync(message, cancellation);
        await outbox.PublishBlobAsync(
            message.Device,
            bytes,
            message.Correlation,
            [(BlobResponseProperties.Status, status), (BlobResponseProperties.Size, size.ToString(CultureInfo.InvariantCulture))],
            cancellation);
    }

    private async Task<(string Status, long Size, ReadOnlyMemory<byte> Bytes)> FindAsync(DeviceMessage message, CancellationToken cancellation)
    {
        if (Read(message.Payload.Span) is not { } request)
            return (BlobResponseProperties.BadRequest, 0, default);
        var (envelope, size) = await store.ReadAsync(async db =>
        {
            var found = await WantedEnvelope(db, message.Device, request.Digest);
            return (found, found?.Length ?? await WantedFileSize(db, message.Device, request.Digest));
        }, cancellation);
        if (size is not { } total || (envelope is null && !blobs.Contains(request.Digest)))
            return (BlobResponseProperties.NotFound, 0, default);
        if (request.Offset >= total)
            return (BlobResponseProperties.BadRequest, total, default);
        if (!leases.TryTake(message.Device))
            return (BlobResponseProperties.Busy, total, default);
        var length = (int)Math.Min(request.Length, total - request.Offset);
        if (envelope is not null)
            return (BlobResponseProperties.Ok, total, envelope.AsMemory((int)request.Offset, length));
        var bytes = GC.AllocateUninitializedArray<byte>(length);
        return blobs.Read(request.Digest, request.Offset, bytes) == length
            ? (BlobResponseProperties.Ok, total, bytes)
            : (BlobResponseProperties.NotFound, 0, default);
    }

    /// <summary>The request, or null where it breaks a bound.</summary>
    private static BlobRequest? Read(ReadOnlySpan<byte> payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, ContractsJson.Default.BlobRequest) is { Digest.IsEmpty: false, Offset: >= 0, Length: > 0 and <= PackageLimits.MaxChunkBytes } request ? request : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
