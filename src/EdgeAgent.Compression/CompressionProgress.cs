namespace EdgeAgent.Compression;

/// <summary>Where a run is.</summary>
/// <param name="Pass">Name of the pass, as in the report.</param>
/// <param name="Done">Steps done in the pass.</param>
/// <param name="Total">Steps the pass plans to do; changes when it is re-planned.</param>
/// <param name="Left">Time left in the whole run's budget; of the pass, where the run has steps and no time.</param>
/// <param name="Loss">Mean loss since the last report, where the pass has one.</param>
/// <param name="Note">Something to tell once: a skipped image, a measured accuracy.</param>
public sealed record CompressionProgress(string Pass, long Done, long Total, TimeSpan Left, double? Loss = null, string? Note = null);
