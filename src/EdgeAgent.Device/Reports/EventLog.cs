using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Device.Hardware;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Reports;

/// <summary>Writes events into the spool with everything that places them in time.</summary>
internal sealed class EventLog(ReportSpool spool, SystemFiles files, TimeProvider time)
{
    private readonly string _bootId = files.Text("/proc/sys/kernel/random/boot_id") ?? "unknown";

    /// <summary>An event is in the spool.</summary>
    public event Action? Appended;

    public void Add(DeploymentEvent deployment) => Append(e => e with { Deployment = deployment });

    public void Add(BenchmarkReport benchmark) => Append(e => e with { Benchmark = benchmark });

    private void Append(Func<ReportEvent, ReportEvent> fill)
    {
        spool.Append((id, sequence) => fill(new ReportEvent
        {
            SpoolId = id,
            Sequence = sequence,
            BootId = _bootId,
            // The system's monotonic clock counts from boot on Linux.
            MonotonicMs = (long)(time.GetTimestamp() * 1000.0 / time.TimestampFrequency),
            Time = time.GetUtcNow(),
            ClockSynchronised = Posix.IsClockSynchronised(),
        }));
        Appended?.Invoke();
    }
}
