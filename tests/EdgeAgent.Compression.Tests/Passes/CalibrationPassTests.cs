using EdgeAgent.Compression.Passes;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class CalibrationPassTests
{
    /// <summary>A quarter of the memory holds a batch, unless not even the smallest fits.</summary>
    [Theory]
    [InlineData(256, 5, 24_000, 256)]
    [InlineData(256, 60, 24_000, 64)]
    [InlineData(256, 100, 24_000, 32)]
    [InlineData(64, 100, 1_000, 8)]
    [InlineData(5, 100, 1_000, 5)]
    public void BatchSize_OfLargeImages_FitsTheMemory(int wanted, long megabytesPerImage, long megabytes, int expected) =>
        Assert.Equal(expected, CalibrationPass.BatchSize(wanted, megabytesPerImage * 1_000_000, megabytes * 1_000_000));
}
