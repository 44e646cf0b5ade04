namespace EdgeAgent.Device.Reports;

/// <summary>First frame of a spool file.</summary>
/// <param name="Schema">Version of the file.</param>
/// <param name="SpoolId">Random: a device that lost its disk starts a new spool.</param>
/// <param name="NextSequence">Sequence of the first event that is not in this file yet; survives a file without events.</param>
internal sealed record SpoolHeader(int Schema, string SpoolId, long NextSequence)
{
    public const int CurrentSchema = 1;
}
