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
        var (multiplier, width) = (random.Next(4) == 0 ? random.Next(1, 6) : 1, random.Next(1, 300));
        var channels = random.Next(1, 3000 / multiplier) * multiplier;

        var cut = DepthwiseCut.Of(window, multiplier, channels, width);

        Assert.True(cut.Channels == channels || cut.Channels < channels && cut.Channels % PackedDepthwise.BlockWidth == 0 && cut.Channels % multiplier == 0, $"{cut}");
        Assert.InRange(cut.Pixels, 0, width);
        Assert.True(cut.Pixels == 0 || Bytes(window, cut.Channels, cut.Pixels) <= DepthwiseCut.ScratchBytes, $"{cut}");
        var least = PackedDepthwise.BlockWidth % multiplier == 0 ? Math.Min(channels, PackedDepthwise.BlockWidth) : channels;
        Assert.Equal(Bytes(window, least, 1) <= DepthwiseCut.ScratchBytes, cut.Pixels > 0);
    }

    /// <summary>Kernels and channels of MobileNet v3 and EfficientNet-B0: a row in one piece.</summary>
    [Theory]
    [InlineData(5, 672)]
    [InlineData(5, 960)]
    [InlineData(5, 1152)]
    [InlineData(7, 1152)]
    public void Of_ManyChannels_TakesWholeRowsOfSomeOfThem(int kernel, int channels) =>
        Assert.Equal(7, DepthwiseCut.Of(PlanWindow.Square(kernel, 1, kernel / 2), 1, channels, 7).Pixels);

    [Fact]
    public void Of_ALongSequence_HasPiecesOfOneSize() =>
        Assert.Equal(new DepthwiseCut(64, 75), DepthwiseCut.Of(new(1, 3), 1, 64, 300));

    private static long Bytes(PlanWindow window, int channels, int pixels) =>
        4L * ((window.KernelHeight + 3) / 4) * channels * ((pixels - 1) * window.StrideX + (window.KernelWidth - 1) * window.DilationX + 1);
}
