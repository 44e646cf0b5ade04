using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Tests.Teacher;

public sealed class FusedBatchNormTests
{
    static FusedBatchNormTests() => TorchRuntime.Prepare();

    public static TheoryData<int, int, int, bool, bool> Shapes()
    {
        var data = new TheoryData<int, int, int, bool, bool>();
        foreach (var (channels, samples, side) in new[] { (2, 3, 5), (13, 8, 32), (16, 4, 9), (20, 7, 11), (25, 33, 16), (100, 5, 4), (128, 2, 3), (31, 2, 1), (48, 64, 16) })
            foreach (var residual in new[] { false, true })
                foreach (var relu in new[] { false, true })
                    data.Add(channels, samples, side, residual, relu);
        return data;
    }

    /// <summary>Against libtorch's own operators in float32 on the same numbers, far from zero mean; results are rounded to bfloat16, of 8 bits.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Run_AnyShape_HasTheValuesAndGradientsOfTheSeparateOperators(int channels, int samples, int side, bool residual, bool relu)
    {
        Assert.SkipUnless(TorchRuntime.HasBfloat16, "the kernels are for processors with AVX-512 and bfloat16");
        using var scope = NewDisposeScope();
        random.manual_seed(channels * 100 + side);
        var gradient = Pixels(samples, side, channels, 1, 0);
        Tensor[] fused = Leaves(), plain = [.. fused.Select(t => t.detach().to(ScalarType.Float32).clone())];
        Tensor[] statistics = Statistics(), expectedStatistics = Statistics();
        foreach (var leaf in fused.Take(residual ? 4 : 3).Concat(plain.Take(residual ? 4 : 3)))
            leaf.requires_grad = true;

        Assert.True(FusedBatchNorm.Takes(fused[0], fused[3]));
        var y = FusedBatchNorm.Run(fused[0], fused[1], fused[2], residual ? fused[3] : null, statistics[0], statistics[1], 0.25, 1e-3, relu);
        y.backward([gradient]);

        var expected = nn.functional.batch_norm(plain[0], expectedStatistics[0], expectedStatistics[1], plain[1], plain[2], true, 0.25, 1e-3);
        if (residual)
            expected = expected.Plus(plain[3]);
        if (relu)
            expected = expected.relu();
        expected.backward([gradient.to(ScalarType.Float32)]);

        AssertClose(expected, y, 0.004);
        for (var i = 0; i < (residual ? 4 : 3); i++)
            AssertClose(plain[i].grad!, fused[i].grad!, 0.01);
        for (var i = 0; i < 2; i++)
            AssertClose(expectedStatistics[i], statistics[i], 1e-4);

        Tensor[] Leaves() => [Pixels(samples, side, channels, 2, 30), randn(channels), randn(channels), Pixels(samples, side, channels, 1, 0)];
        Tensor[] Statistics() => [ones(channels), ones(channels)];
    }

    [Fact]
    public void Run_WithAnyNumberOfThreads_GivesTheSameBits()
    {
        Assert.SkipUnless(TorchRuntime.HasBfloat16, "the kernels are for processors with AVX-512 and bfloat16");
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        Tensor x = Pixels(32, 17, 21, 2, 30), gradient = Pixels(32, 17, 21, 1, 0), gamma = randn(21), beta = randn(21);
        float[][] Results(int threads)
        {
            set_num_threads(threads);
            Tensor[] leaves = [x.detach().clone(), gamma.detach().clone(), beta.detach().clone()];
            foreach (var leaf in leaves)
                leaf.requires_grad = true;
            var y = FusedBatchNorm.Run(leaves[0], leaves[1], leaves[2], null, zeros(21), ones(21), 0.1, 1e-5, relu: true);
            y.backward([gradient]);
            return [y.ToFloats(), .. leaves.Select(l => l.grad!.ToFloats())];
        }
        var one = Results(1);
        Assert.Equal(one, Results(2));
        Assert.Equal(one, Results(5));
    }

    /// <summary>Training must not keep what a step made: thousands of steps come.</summary>
    [Fact]
    public void Run_ManyTimes_KeepsNothing()
    {
        Assert.SkipUnless(TorchRuntime.HasBfloat16, "the kernels are for processors with AVX-512 and bfloat16");
        var x = Pixels(64, 32, 24, 1, 0);
        using var scope = NewDisposeScope();
        Tensor gamma = ones(24, requires_grad: true), beta = zeros(24, requires_grad: true), mean = zeros(24), variance = ones(24);
        void Step()
        {
            using var step = NewDisposeScope();
            var leaf = x.detach().clone();
            leaf.requires_grad = true;
            FusedBatchNorm.Run(leaf, gamma, beta, leaf.Times(2), mean, variance, 0.1, 1e-5, relu: true).sum().backward();
        }
        long Resident()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        for (var i = 0; i < 20; i++)
            Step();
        var before = Resident();
        for (var i = 0; i < 200; i++)
            Step();
        // One step's tensors have 3 MB each; kept, they would be more than a gigabyte.
        Assert.InRange(Resident() - before, long.MinValue, 200L << 20);
    }

    /// <summary>[N, C, H, W] in bfloat16, channels last.</summary>
    private static Tensor Pixels(int samples, int side, int channels, double scale, double offset) =>
        randn(samples, side, side, channels).Times(scale).Plus(offset).to(ScalarType.BFloat16).permute(0, 3, 1, 2);

    /// <summary>Within a share of the largest expected value.</summary>
    private static void AssertClose(Tensor expected, Tensor actual, double share)
    {
        float[] e = expected.ToFloats(), a = actual.ToFloats();
        Assert.Equal(e.Length, a.Length);
        var limit = share * Math.Max(1e-3, e.Max(Math.Abs));
        for (var i = 0; i < e.Length; i++)
            Assert.True(Math.Abs(e[i] - a[i]) <= limit, $"at {i}: {a[i]} instead of {e[i]}, more than {limit} apart");
    }
}
