using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Execution;

/// <summary>Median time of one operator over the runs of a profile, on one thread.</summary>
public readonly record struct OperatorTiming(OperatorSummary Operator, double Us)
{
    /// <summary>Multiply-accumulates per second, in units of 10^9.</summary>
    public double GigaMacsPerSecond => Us > 0 ? Operator.Macs / Us / 1000 : 0;
}
