using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using MQTTnet;
using MQTTnet.Protocol;
using Polly;
using Polly.Retry;

namespace EdgeAgent.Device.Mqtt;

/// <summary>Asks the controller for pieces of blobs and matches its answers to the questions. Thread-safe.</summary>
internal sealed class BlobClient(DeviceLink link, TimeProvider time)
{
    /// <summary>A request or its answer may be lost (quality 0): then it is asked again.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    /// <summary>Consecutive failures while connected after which a piece is given up.</summary>
    private const int MaxAttempts = 60;

    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<BlobAnswer>> _waiting = [];

    /// <summary>Takes a message of the response topic.</summary>
    public void OnResponse(MqttApplicationMessage message)
    {
        if (message.CorrelationData is not { Length: sizeof(ulong) } correlation || !_waiting.TryRemove(BitConverter.ToUInt64(correlation), out var waiting))
            return;
        string? status = null;
        long size = -1;
        foreach (var property in message.UserProperties ?? [])
        {
            var value = System.Text.Encoding.UTF8.GetString(property.ValueBuffer.Span);
            if (property.Name == BlobResponseProperties.Status)
                status = value;
            else if (property.Name == BlobResponseProperties.Size && long.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var parsed))
                size = parsed;
        }
        waiting.TrySetResult(new BlobAnswer(status, size, message.Payload.ToArray()));
    }

    /// <summary>Fetches bytes of a blob. Waits out lost connections, lost messages and a busy controller, with jitter.</summary>
    /// <returns>The bytes and the size of the whole blob.</returns>
    /// <exception cref="BlobUnavailableException">The controller has no such blob for this device, or keeps failing.</exception>
    public async Task<BlobPiece> FetchAsync(Sha256Digest digest, long offset, int length, CancellationToken cancellation)
    {
        var retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = MaxAttempts,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = TimeSpan.FromSeconds(10),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder().Handle<PieceLostException>(),
            })
            .Build();
        try
        {
            return await retry.ExecuteAsync(async token => await AskAsync(digest, offset, length, token), cancellation);
        }
        catch (PieceLostException e)
        {
            throw new BlobUnavailableException($"the controller does not deliver {digest} at {offset}: {e.Message}; see the controller's log");
        }
    }

    private async Task<BlobPiece> AskAsync(Sha256Digest digest, long offset, int length, CancellationToken cancellation)
    {
        await link.WaitConnectedAsync(cancellation);
        var id = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        var waiting = new TaskCompletionSource<BlobAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = waiting;
        try
        {
            var request = JsonSerializer.SerializeToUtf8Bytes(new BlobRequest { Digest = digest, Offset = offset, Length = length }, ContractsJson.Default.BlobRequest);
            var sent = await link.TryPublishAsync(TopicKind.BlobRequest, request, message =>
            {
                message.ResponseTopic = link.Topic(TopicKind.BlobResponse);
                message.CorrelationData = BitConverter.GetBytes(id);
            }, MqttQualityOfServiceLevel.AtMostOnce, retain: false, cancellation);
            if (!sent)
                throw new PieceLostException("the connection is down");
            var answer = await waiting.Task.WaitAsync(s_patience, time, cancellation);
            return answer.Status switch
            {
                BlobResponseProperties.Ok when answer.Size >= 0 && answer.Bytes.Length == Math.Min(length, answer.Size - offset) => new BlobPiece(answer.Bytes, answer.Size),
                BlobResponseProperties.Ok => throw new PieceLostException($"{answer.Bytes.Length} bytes came where {length} were asked for"),
                BlobResponseProperties.Busy => throw new PieceLostException("it is busy"),
                BlobResponseProperties.NotFound => throw new BlobUnavailableException($"the controller has no {digest} for this device; upload the package again with 'edgectl package'"),
                _ => throw new BlobUnavailableException($"the controller refuses to deliver {digest} at {offset}: {answer.Status ?? "no status"}"),
            };
        }
        catch (TimeoutException)
        {
            throw new PieceLostException("no answer came in time");
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    private sealed record BlobAnswer(string? Status, long Size, byte[] Bytes);

    private sealed class PieceLostException(string message) : Exception(message);
}

/// <param name="Bytes">The piece.</param>
/// <param name="BlobSize">Size of the whole blob in bytes.</param>
internal readonly record struct BlobPiece(byte[] Bytes, long BlobSize);

/// <summary>A blob cannot be had; the message is one line.</summary>
internal sealed class BlobUnavailableException(string message) : Exception(message);
