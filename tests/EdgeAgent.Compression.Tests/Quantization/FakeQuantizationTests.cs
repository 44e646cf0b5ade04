using EdgeAgent.Compression.Quantization;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using TorchSharp;
using static TorchSharp.torch;

namespace EdgeAgent.Compression.Tests.Quantization;

public sealed class FakeQuantizationTests
{
    static FakeQuantizationTests() => TorchRuntime.Prepare();

    /// <summary>Sizes with and without whole vectors, and more than one thread takes.</summary>
    [Theory]
    [InlineData(1, 2, 1)]
    [InlineData(3, 5, 7)]
    [InlineData(64, 24, 32)]
    public void Run_AnyNumbers_RoundsToStepsAndPassesGradientsWithinTheRange(int samples, int channels, int side)
    {
        Assert.SkipUnless(TorchRuntime.HasBfloat16, "the kernels are for processors with AVX-512 and bfloat16");
        using var scope = NewDisposeScope();
        random.manual_seed(side);
        var x = randn(samples, side, side, channels).to(ScalarType.BFloat16).permute(0, 3, 1, 2);
        var gradient = randn(samples, side, side, channels).to(ScalarType.BFloat16).permute(0, 3, 1, 2);
        const float low = -0.75f, high = 1.3f, scale = (high - low) / 255;
        x.requires_grad = true;

        Assert.True(Bfloat16Memory.Holds(x));
        var y = FakeQuantization.Run(x, low, high, scale);
        y.backward([gradient]);

        float[] before = x.ToFloats(), after = y.ToFloats(), given = gradient.ToFloats(), got = x.grad!.ToFloats();
        for (var i = 0; i < before.Length; i++)
        {
            var step = MathF.Round(Math.Clamp(before[i], low, high) / scale) * scale;
            // bfloat16 rounds by 2^-9 of the number; a tie may fall to the other step.
            Assert.InRange(Math.Abs(after[i] - step), 0, Math.Abs(step) / 256 + (IsTie(before[i] / scale) ? scale : 0));
            Assert.Equal(before[i] is >= low and <= high ? given[i] : 0, got[i]);
        }
        Assert.Equal((before.Min(), before.Max()), FakeQuantization.RangeOf(x.detach()));

        static bool IsTie(float steps) => Math.Abs(Math.Abs(steps - MathF.Truncate(steps)) - 0.5) < 1e-4;
    }
}
