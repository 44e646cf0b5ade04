using EdgeAgent.Contracts.Deployments;

namespace EdgeAgent.Fleet.Rollouts;

/// <summary>What happens to a rollout.</summary>
internal enum RolloutEvent
{
    Pause,
    Resume,
    Abort,

    /// <summary>More devices of a wave rolled back than the request allows.</summary>
    GateFailed,

    /// <summary>Every device of every wave has finished.</summary>
    WavesDone,

    /// <summary>A device joined after the last wave was done.</summary>
    DeviceJoined,
}

/// <summary>The states of a rollout as a table; what is not in it does not happen.</summary>
internal static class RolloutTransitions
{
    private static readonly Dictionary<(RolloutState State, RolloutEvent Event), RolloutState> Table = new()
    {
        [(RolloutState.Running, RolloutEvent.Pause)] = RolloutState.Paused,
        [(RolloutState.Running, RolloutEvent.Abort)] = RolloutState.Aborted,
        [(RolloutState.Running, RolloutEvent.GateFailed)] = RolloutState.Halted,
        [(RolloutState.Running, RolloutEvent.WavesDone)] = RolloutState.Completed,
        [(RolloutState.Running, RolloutEvent.DeviceJoined)] = RolloutState.Running,
        [(RolloutState.Paused, RolloutEvent.Resume)] = RolloutState.Running,
        [(RolloutState.Paused, RolloutEvent.Abort)] = RolloutState.Aborted,
        // Devices that were told before the pause go on, and may fail.
        [(RolloutState.Paused, RolloutEvent.GateFailed)] = RolloutState.Halted,
        [(RolloutState.Paused, RolloutEvent.DeviceJoined)] = RolloutState.Paused,
        [(RolloutState.Completed, RolloutEvent.DeviceJoined)] = RolloutState.Running,
        // An operator looked into it and accepts what failed.
        [(RolloutState.Halted, RolloutEvent.Resume)] = RolloutState.Running,
        // It has gone back already; this only says that nobody will look into it any more.
        [(RolloutState.Halted, RolloutEvent.Abort)] = RolloutState.Aborted,
    };

    /// <summary>The next state, or null where the event does not fit the state.</summary>
    public static RolloutState? Next(RolloutState state, RolloutEvent happened) =>
        Table.TryGetValue((state, happened), out var next) ? next : null;
}
