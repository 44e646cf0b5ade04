namespace EdgeAgent.Contracts.Devices;

/// <summary>What one core of a device was measured to do at most: the cost model's starting values for its board.</summary>
/// <param name="KernelSet">Kernels of the int8 engine whose instructions <paramref name="Int8GigaMacs"/> is the peak of.</param>
/// <param name="Int8GigaMacs">Peak int8 multiply-accumulates in 10^9 a second.</param>
/// <param name="Float32GigaMacs">Peak float32 multiply-accumulates in 10^9 a second.</param>
/// <param name="Reads">Read rates by the size of what is read again and again, from the first level cache to memory.</param>
/// <param name="CopyGBps">memcpy in memory: 10^9 bytes copied a second.</param>
/// <param name="FillGBps">memset in memory.</param>
public sealed record RooflineReport(
    string KernelSet, double Int8GigaMacs, double Float32GigaMacs, IReadOnlyList<ReadRateReport> Reads, double CopyGBps, double FillGBps);

/// <param name="Bytes">Size of the data.</param>
/// <param name="GBps">10^9 bytes read a second.</param>
public sealed record ReadRateReport(long Bytes, double GBps);
