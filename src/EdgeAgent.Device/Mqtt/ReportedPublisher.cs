using System.Text.Json;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Device.Deployment;
using MQTTnet.Protocol;

namespace EdgeAgent.Device.Mqtt;

/// <summary>Keeps the retained reported state up to date: the latest one counts, steps in between may be skipped.</summary>
internal sealed class ReportedPublisher(DeviceLink link, Deployments deployments, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    private readonly AsyncSignal _changed = new(time);

    public void Wake() => _changed.Set();

    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _changed.WaitAsync(Timeout.InfiniteTimeSpan, cancellation);
            await link.WaitConnectedAsync(cancellation);
            var json = JsonSerializer.SerializeToUtf8Bytes(deployments.Reported(), ContractsJson.Default.ReportedState);
            if (await link.TryPublishAsync(TopicKind.Reported, json, null, MqttQualityOfServiceLevel.AtLeastOnce, retain: true, cancellation))
                continue;
            // The controller may refuse for as long as its disk is full: not a loop at full speed.
            await Task.Delay(s_pause, time, cancellation);
            _changed.Set();
        }
    }
}
