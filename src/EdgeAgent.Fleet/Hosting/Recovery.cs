using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Rollouts;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>What a start does for an earlier process that stopped anywhere: nobody is online, and every wish is published again.</summary>
internal sealed class Recovery(DeviceStates states, DesiredStates desired) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await states.ResetOnlineAsync(cancellationToken);
        await desired.PublishAllAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
