using System.Diagnostics;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Benchmarks.Training;

/// <summary>
/// A batch-norm with ReLU in training, forward and backward, as libtorch's operators and as one, beside the 3x3 convolution before
/// it; in turns, on feature maps of a CIFAR ResNet at several widths.
/// </summary>
internal static class NormBenchmark
{
    private static readonly (int Channels, int Side)[] Shapes = [(32, 32), (16, 32), (13, 32), (8, 32), (4, 32), (20, 16), (51, 8), (100, 4), (512, 4), (4, 4)];

    /// <summary>Runs in which kernels are compiled, ours when they have been called thirty times, and the heap is filled.</summary>
    private const int WarmUp = 40;

    /// <param name="batch">Images of a step.</param>
    /// <param name="runs">Measurements of each; medians are told.</param>
    public static int Run(int batch, int runs)
    {
        TorchRuntime.Prepare();
        if (!Bfloat16Memory.IsSupported || !TorchRuntime.HasBfloat16)
        {
            Console.Error.WriteLine("this processor has no AVX-512 with bfloat16: training uses libtorch's operators here");
            return 1;
        }
        Console.WriteLine($"batch {batch}, {get_num_threads()} threads, bfloat16, medians of {runs} in turns, forward and backward");
        foreach (var (channels, side) in Shapes)
        {
            using var scope = NewDisposeScope();
            Tensor Pixels() => randn(batch, side, side, channels).to(ScalarType.BFloat16).permute(0, 3, 1, 2);
            Tensor x = Pixels(), gradient = Pixels(), mean = zeros(channels), variance = ones(channels);
            Tensor gamma = ones(channels, requires_grad: true), beta = zeros(channels, requires_grad: true);
            var filters = randn(channels, channels, 3, 3).to(ScalarType.BFloat16);
            filters.requires_grad = true;
            double[] convolution = new double[runs], separate = new double[runs], fused = new double[runs];
            for (var i = -WarmUp; i < runs; i++)
            {
                var times = new[]
                {
                    Time(x, gradient, leaf => nn.functional.conv2d(leaf, filters, null, [1, 1], [1, 1])),
                    Time(x, gradient, leaf => nn.functional.batch_norm(leaf, mean, variance, gamma, beta, true, 0.1, 1e-5).relu_()),
                    Time(x, gradient, leaf => FusedBatchNorm.Run(leaf, gamma, beta, null, mean, variance, 0.1, 1e-5, relu: true)),
                };
                if (i >= 0)
                    (convolution[i], separate[i], fused[i]) = (times[0], times[1], times[2]);
            }
            var (c, s, f) = (JointStepBenchmark.Median(convolution), JointStepBenchmark.Median(separate), JointStepBenchmark.Median(fused));
            Console.WriteLine($"{channels,4} channels of {side,2}x{side,-2}  convolution {c,7:0.00} ms, norm and ReLU {s,6:0.00} ms by libtorch, {f,5:0.00} ms as one: {s / f,4:0.0} times as fast");
        }
        return 0;
    }

    private static double Time(Tensor x, Tensor gradient, Func<Tensor, Tensor> operation)
    {
        using var scope = NewDisposeScope();
        var leaf = x.detach().alias();
        leaf.requires_grad = true;
        var start = Stopwatch.GetTimestamp();
        operation(leaf).backward([gradient]);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
