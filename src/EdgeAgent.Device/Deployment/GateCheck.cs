using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Device.Deployment;

/// <summary>Holds a trial's measurement against the gates of the package.</summary>
internal static class GateCheck
{
    /// <summary>Why the model does not pass, or null.</summary>
    public static string? Fault(BenchmarkReport report, Gates gates)
    {
        if (report.GoldenAgreement < gates.MinGoldenAgreement)
            return FormattableString.Invariant($"gate golden agreement: {report.GoldenAgreement:F4} of the golden samples get their class; at least {gates.MinGoldenAgreement:F4} is asked for");
        if (report.Latency.P95Us > gates.MaxP95Us)
            return FormattableString.Invariant($"gate p95: {report.Latency.P95Us:F0} us; at most {gates.MaxP95Us:F0} us is allowed{Disturbed(report.Latency)}");
        if (report.Latency.PeakBytes > gates.MaxPeakBytes)
            return FormattableString.Invariant($"gate memory: the model adds {report.Latency.PeakBytes} bytes; at most {gates.MaxPeakBytes} are allowed");
        return null;
    }

    private static string Disturbed(LatencySummary latency) => latency.Valid ? "" : $" (measured under {string.Join(", ", latency.Reasons)})";
}
