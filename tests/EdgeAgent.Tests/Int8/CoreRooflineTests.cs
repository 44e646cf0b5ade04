using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Roofline;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class CoreRooflineTests
{
    [Fact]
    public void Measure_OfEveryKernelSetHere_GivesPositiveFigures()
    {
        foreach (var kernels in KernelSet.All.Where(k => k.IsSupported))
        {
            var roofline = CoreRoofline.Measure(kernels);

            Assert.Equal(kernels.Name, roofline.KernelSet);
            Assert.All(
                [roofline.Int8GigaMacs, roofline.Float32GigaMacs, roofline.CopyGigabytesPerSecond, roofline.FillGigabytesPerSecond, .. roofline.Reads.Select(r => r.GigabytesPerSecond)],
                rate => Assert.True(double.IsFinite(rate) && rate > 0, $"{kernels.Name}: {rate}"));
            Assert.Equal(roofline.Reads.Select(r => r.Bytes).Order(), roofline.Reads.Select(r => r.Bytes));
        }
    }

    /// <summary>Vectors multiply several times as many bytes with one instruction: no load on the machine hides that.</summary>
    [Fact]
    public void PeakInt8_OfTheBestKernels_IsFarAboveTheScalarOnes() =>
        Assert.True(CoreRoofline.PeakInt8(KernelSet.Best) > 2 * CoreRoofline.PeakInt8(KernelSet.Named("scalar")));
}
