using EdgeAgent.Int8.Kernels.Packing;
using EdgeAgent.Int8.Plan;
using FsCheck.Xunit;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class DepthwiseCutTests
{
    [Property(MaxTest = 2000)]
    public void Of_AnyLayer_FitsTheScratchInWholeBlocks(int seed)
    {
        var random = new Random(seed);
        var window = new PlanWindow(random.Next(1, 12), random.Next(1, 12), 1, random.Next(1, 4), DilationX: random.Next(1, 6));
        var (channels, width) = (random.Next(1, 3000), random.Next(1, 300));

        var cut = DepthwiseCut.Of(window, channels, width);

        Assert.True(cut.Channels == channels || cut.Channels < channels && cut.Channels % PackedDepthwise.BlockWidth == 0, $"{cut}");
        Assert.InRange(cut.Pixels, 0, width);
        Assert.True(cut.Pixels == 0 || Bytes(window, cut.Channels, cut.Pixels) <= DepthwiseCut.ScratchBytes, $"{cut}");
        Assert.Equal(Bytes(window, Math.Min(channels, PackedDepthwise.BlockWidth), 1) <= DepthwiseCut.ScratchBytes, cut.Pixels > 0);
    }

    /// <summary>Kernels and channels of MobileNet v3 and EfficientNet-B0: a row in one piece.</summary>
    [Theory]
    [InlineData(5, 672)]
    [InlineData(5, 960)]
    [InlineData(5, 1152)]
    [InlineData(7, 1152)]
    public void Of_ManyChannels_TakesWholeRowsOfSomeOfThem(int kernel, int channels) =>
        Assert.Equal(7, DepthwiseCut.Of(PlanWindow.Square(kernel, 1, kernel / 2), channels, 7).Pixels);

    [Fact]
    public void Of_ALongSequence_HasPiecesOfOneSize() =>
        Assert.Equal(new DepthwiseCut(64, 75), DepthwiseCut.Of(new(1, 3), 64, 300));

    private static long Bytes(PlanWindow window, int channels, int pixels) =>
        4L * ((window.KernelHeight + 3) / 4) * channels * ((pixels - 1) * window.StrideX + (window.KernelWidth - 1) * window.DilationX + 1);
}
