using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Deployment;

/// <summary>
/// Named places where the environment variable EDGE_AGENT_FAULT lets the process die as in a power cut, so that recovery
/// is tested on the real program. The name of a state means: after it was written, before it was acted on.
/// </summary>
internal static class FaultPoint
{
    /// <summary>After <c>current</c> was switched and before that was written down.</summary>
    public const string Switched = "switched";

    /// <summary>After that many chunks were received: <c>chunk-5</c>.</summary>
    public const string ChunkPrefix = "chunk-";

    /// <summary>After a start in a state that an earlier process did not get out of: <c>resumed-trial</c>.</summary>
    public const string ResumedPrefix = "resumed-";

    private static readonly string? s_fault = Environment.GetEnvironmentVariable("EDGE_AGENT_FAULT");
    private static int s_chunks;

    public static void Reach(DeploymentState state)
    {
        if (s_fault is not null)
            Reach(state.ToString());
    }

    public static void Reach(string name)
    {
        if (string.Equals(s_fault, name, StringComparison.OrdinalIgnoreCase))
            Posix.KillSelf();
    }

    public static void ReachChunk()
    {
        if (s_fault is not null)
            Reach(FormattableString.Invariant($"{ChunkPrefix}{Interlocked.Increment(ref s_chunks)}"));
    }
}
