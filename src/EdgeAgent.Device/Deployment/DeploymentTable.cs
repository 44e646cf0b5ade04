using EdgeAgent.Contracts.Deployments;

namespace EdgeAgent.Device.Deployment;

/// <summary>What moves a deployment on.</summary>
internal enum DeploymentTrigger
{
    /// <summary>Another package is wanted than the one that serves.</summary>
    Requested,

    /// <summary>The package that is wanted serves already.</summary>
    AlreadyServing,

    /// <summary>All bytes are here.</summary>
    Downloaded,

    /// <summary>Every file is the one that the manifest names.</summary>
    Verified,

    /// <summary>The inactive slot holds the package.</summary>
    SlotWritten,

    /// <summary>The model kept to its gates in the inactive slot.</summary>
    TrialPassed,

    /// <summary><c>current</c> names the new slot.</summary>
    Switched,

    /// <summary>The model served and stayed well.</summary>
    ProbationPassed,

    /// <summary>Something is wrong with the package or the device.</summary>
    Failed,

    /// <summary>The controller wants something else meanwhile.</summary>
    Superseded,
}

/// <summary>The deployment of one model on one device, as a table: nothing else decides what follows what.</summary>
internal static class DeploymentTable
{
    private static readonly (DeploymentState From, DeploymentTrigger On, DeploymentState To)[] s_rows =
    [
        (DeploymentState.Idle, DeploymentTrigger.Requested, DeploymentState.Downloading),
        (DeploymentState.Committed, DeploymentTrigger.Requested, DeploymentState.Downloading),
        (DeploymentState.RolledBack, DeploymentTrigger.Requested, DeploymentState.Downloading),

        (DeploymentState.Idle, DeploymentTrigger.AlreadyServing, DeploymentState.Committed),
        (DeploymentState.Committed, DeploymentTrigger.AlreadyServing, DeploymentState.Committed),
        (DeploymentState.RolledBack, DeploymentTrigger.AlreadyServing, DeploymentState.Committed),

        (DeploymentState.Downloading, DeploymentTrigger.Downloaded, DeploymentState.Verifying),
        (DeploymentState.Verifying, DeploymentTrigger.Verified, DeploymentState.Staged),
        (DeploymentState.Staged, DeploymentTrigger.SlotWritten, DeploymentState.Trial),
        (DeploymentState.Trial, DeploymentTrigger.TrialPassed, DeploymentState.Activating),
        (DeploymentState.Activating, DeploymentTrigger.Switched, DeploymentState.Probation),
        (DeploymentState.Probation, DeploymentTrigger.ProbationPassed, DeploymentState.Committed),

        (DeploymentState.Downloading, DeploymentTrigger.Failed, DeploymentState.RolledBack),
        (DeploymentState.Verifying, DeploymentTrigger.Failed, DeploymentState.RolledBack),
        (DeploymentState.Staged, DeploymentTrigger.Failed, DeploymentState.RolledBack),
        (DeploymentState.Trial, DeploymentTrigger.Failed, DeploymentState.RolledBack),
        (DeploymentState.Activating, DeploymentTrigger.Failed, DeploymentState.RolledBack),
        (DeploymentState.Probation, DeploymentTrigger.Failed, DeploymentState.RolledBack),

        // From Activating on a deployment runs to its end, which is seconds away, before the next one begins.
        (DeploymentState.Downloading, DeploymentTrigger.Superseded, DeploymentState.RolledBack),
        (DeploymentState.Verifying, DeploymentTrigger.Superseded, DeploymentState.RolledBack),
        (DeploymentState.Staged, DeploymentTrigger.Superseded, DeploymentState.RolledBack),
        (DeploymentState.Trial, DeploymentTrigger.Superseded, DeploymentState.RolledBack),
    ];

    /// <summary>The state that follows, or null where the trigger does not apply.</summary>
    public static DeploymentState? Next(DeploymentState from, DeploymentTrigger on)
    {
        foreach (var row in s_rows)
            if (row.From == from && row.On == on)
                return row.To;
        return null;
    }

    /// <summary>Nothing is under way: the device waits for the controller.</summary>
    public static bool IsSettled(DeploymentState state) => state is DeploymentState.Idle or DeploymentState.Committed or DeploymentState.RolledBack;

    /// <summary>Whether another wish of the controller may end the state.</summary>
    public static bool MayBeSuperseded(DeploymentState state) => Next(state, DeploymentTrigger.Superseded) is not null;
}
