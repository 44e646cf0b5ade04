using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Device.Reports;
using MQTTnet.Protocol;

namespace EdgeAgent.Device.Mqtt;

/// <summary>Sends the spool, batch after batch, each until the controller acknowledges it: at least once, in order.</summary>
internal sealed class ReportSender(DeviceLink link, ReportSpool spool, TimeProvider time)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private const int MaxBatchBytes = 128 << 10;

    private readonly AsyncSignal _changed = new(time);

    /// <summary>There is something new to send.</summary>
    public void Wake() => _changed.Set();

    public void OnAcknowledged(DeviceCommand command)
    {
        if (command is not { SpoolId: { } id, Sequence: { } sequence })
            return;
        spool.Acknowledge(id, sequence);
        _changed.Set();
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await link.WaitConnectedAsync(cancellation);
            var events = spool.Oldest(ReportBatch.MaxEvents, MaxBatchBytes);
            if (events.Count == 0)
            {
                await _changed.WaitAsync(Timeout.InfiniteTimeSpan, cancellation);
                continue;
            }
            var batch = JsonSerializer.SerializeToUtf8Bytes(new ReportBatch { Events = events }, ContractsJson.Default.ReportBatch);
            await link.TryPublishAsync(TopicKind.Reports, batch, null, MqttQualityOfServiceLevel.AtLeastOnce, retain: false, cancellation);
            await AcknowledgedAsync(events[^1].Sequence, cancellation);
        }
    }

    /// <summary>Waits until the batch has left the spool, or for a while.</summary>
    private async Task AcknowledgedAsync(long sequence, CancellationToken cancellation)
    {
        var start = time.GetTimestamp();
        while (spool.Oldest(1, 1) is [var first] && first.Sequence <= sequence)
        {
            var left = s_patience - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !await _changed.WaitAsync(left, cancellation))
                return;
        }
    }
}
