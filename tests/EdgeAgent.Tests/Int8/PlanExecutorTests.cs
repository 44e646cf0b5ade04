using System.Runtime.CompilerServices;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;
using Xunit;

namespace EdgeAgent.Tests.Int8;

public sealed class PlanExecutorTests
{
    [Fact]
    public void Run_ConvolutionAndHead_FollowsTheFormulas()
    {
        // 2x2 image of two channels -> 1x1 convolution to one channel with ReLU -> mean -> head of two logits.
        var b = new PlanBuilder("by hand");
        var x = b.Input(new PlanShape(2, 2, 2), new Quantization(0.5f, 10));
        var q = new Quantization(0.25f, 3);
        var y = b.Convolution(x, new([2, -1], [0.5f], [4]), PlanWindow.Square(1), 1, q, ActivationBounds.Relu(q));
        var mean = b.GlobalAveragePool(y, q);
        b.Output(b.DenseHead(mean, new([3, -3], [1f, 2f], [1, 1])));
        using var executor = new PlanExecutor(PlanModel.Load(b.Build()));

        var logits = new float[2];
        executor.Run([1, 2, 3, 4, /* channel 1 */ 0, 1, 10, -1], logits);

        // Channel 0 in steps of 0.5: 2 4 6 8; channel 1: 0 2 20 -2. acc = 4 + 2a - b = 8 10 -4 22.
        // v = acc * (0.5 * 0.5 / 0.25) = acc; ReLU: 8 10 0 22; mean 10. Head: 1 +- 30, times 0.25 and 0.5.
        Assert.Equal([7.75f, -14.5f], logits);
    }

    [Fact]
    public void Run_DenseOverAnImage_TakesWeightsInChannelsFirstOrder()
    {
        var b = new PlanBuilder("dense");
        var x = b.Input(new PlanShape(1, 2, 2), new Quantization(1f, 0));
        b.Output(b.DenseHead(x, new([1, 10, 100, 7], [1f], [0])));
        using var executor = new PlanExecutor(PlanModel.Load(b.Build()));

        var output = new float[1];
        executor.Run([1, 2, 3, 4], output);

        Assert.Equal(1 + 20 + 300 + 28, output[0]);
    }

    /// <summary>To free an arena twice ends the process.</summary>
    [Fact]
    public void Constructor_OfADisposedModel_FailsAndLeavesTheFinalizerNothing()
    {
        var model = PlanModel.Load(Networks.Residual(1));
        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => new PlanExecutor(model));

        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [Fact]
    public async Task Run_WhileAnotherIsInProgress_IsRefused()
    {
        using var model = PlanModel.Load(Networks.Residual(1));
        using var executor = new PlanExecutor(model);
        var profile = LongRun(executor);
        var (input, output) = (new float[executor.InputShape.Count], new float[executor.OutputShape.Count]);

        InvalidOperationException? refused = null;
        Assert.True(SpinWait.SpinUntil(() => (refused = Refusal(() => executor.Run(input, output))) != null, TimeSpan.FromSeconds(30)));

        Assert.Contains("one caller at a time", refused!.Message, StringComparison.Ordinal);
        Assert.Equal(model.Operators.Count, (await profile).Count);
        executor.Run(input, output);
    }

    [Fact]
    public async Task Dispose_WhileARunIsInProgress_WaitsForIt()
    {
        using var model = PlanModel.Load(Networks.Residual(1));
        var executor = new PlanExecutor(model);
        var profile = LongRun(executor);
        var (input, output) = (new float[executor.InputShape.Count], new float[executor.OutputShape.Count]);
        Assert.True(SpinWait.SpinUntil(() => Refusal(() => executor.Run(input, output)) != null, TimeSpan.FromSeconds(30)));

        executor.Dispose();
        executor.Dispose();

        Assert.Equal(model.Operators.Count, (await profile).Count);
        Assert.Throws<ObjectDisposedException>(() => executor.Run(input, output));
    }

    [Fact]
    public void Finalizer_OfAnExecutorNobodyDisposedOf_EndsItsWorkers()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads the names of threads from /proc");
        RunAndForget();

        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return CountOfLastWorkers() == 0;
            },
            TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Run_ArgMax_GivesTheFirstLargestChannelOfEachPixel()
    {
        var b = new PlanBuilder("argmax");
        var x = b.Input(new PlanShape(1, 3, 4), new Quantization(0.5f, 100));
        b.Output(b.ArgMax(b.Dequantize(x)));
        using var executor = new PlanExecutor(PlanModel.Load(b.Build()));

        var output = new float[3];
        executor.Run([1, -5, 0, /* channel 1 */ 2, -3, 0, /* channel 2 */ 2, -2, 0, /* channel 3 */ 1, -4, 0], output);

        Assert.Equal([1f, 2f, 0f], output);
    }

    /// <summary>As conv10 of Caffe's SqueezeNet: 1x1 with a pad of 1.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Run_ConvolutionThatSeesPaddingOnly_GivesItsBiasThere(string kernels)
    {
        var b = new PlanBuilder("frame");
        var q = new Quantization(1f, 7);
        var x = b.Input(new PlanShape(1, 1, 1), q);
        b.Output(b.Convolution(x, new([3, 1], [1f, 1f], [5, -2]), PlanWindow.Square(1, pad: 1), 1, q));

        float[] expected = [5, 5, 5, 5, 11, 5, 5, 5, 5, /* channel 1 */ -2, -2, -2, -2, 0, -2, -2, -2, -2];
        Assert.Equal(expected, Run(b.Build(), kernels, [2]));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Run_WindowsOverASecondOfSound_SeeAllOfIt(string kernels)
    {
        const int samples = 44_100;
        float[] ones = [.. Enumerable.Repeat(1f, samples)];
        sbyte[] weights = [.. Enumerable.Repeat((sbyte)1, samples)];
        var q = new Quantization(1f, 0);
        var dense = new PlanBuilder("dense");
        dense.Output(dense.DenseHead(dense.Input(new PlanShape(1, samples, 1), q), new(weights, [1f], [0])));
        var mean = new PlanBuilder("mean");
        mean.Output(mean.GlobalAveragePool(mean.Input(new PlanShape(1, samples, 1), q), q));

        Assert.Equal(samples, Assert.Single(Run(dense.Build(), kernels, ones)));
        Assert.Equal(1, Assert.Single(Run(mean.Build(), kernels, ones)));
    }

    [Fact]
    public void MaxPool_ThatSeesPaddingOnly_IsRefused()
    {
        var b = new PlanBuilder("pool");
        var x = b.Input(new PlanShape(4, 4, 1), new Quantization(1f, 0));

        Assert.Contains("'max' pads by as much as its window sees", Assert.Throws<ArgumentException>(() => b.MaxPool(x, PlanWindow.Square(2, 2, pad: 2), operatorName: "max")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WrongInputLength_IsRefusedWithBothLengths()
    {
        var b = new PlanBuilder("lengths");
        b.Output(b.Input(PlanShape.Flat(3), new Quantization(1f, 0)));
        using var executor = new PlanExecutor(PlanModel.Load(b.Build()));

        var error = Assert.Throws<ArgumentException>(() => executor.Run(new float[4], new float[3]));

        Assert.Equal("the input has 4 values, the model takes 3 (1x1x3)", error.Message);
    }

    public static TheoryData<string> Sets => [.. KernelSet.All.Where(k => k.IsSupported).Select(k => k.Name)];

    private static float[] Run(byte[] plan, string kernels, float[] input)
    {
        using var executor = new PlanExecutor(PlanModel.Load(plan), kernels: KernelSet.Named(kernels));
        var output = new float[executor.OutputShape.Count];
        executor.Run(input, output);
        return output;
    }

    /// <summary>No other test has so many threads.</summary>
    private const int Threads = 12;

    /// <summary>A profile of some tenths of a second, begun as soon as nobody else is in a run.</summary>
    private static Task<IReadOnlyList<OperatorTiming>> LongRun(PlanExecutor executor) => Task.Run(() =>
    {
        IReadOnlyList<OperatorTiming>? timings = null;
        while (Refusal(() => timings = executor.Profile(new float[executor.InputShape.Count], runs: 2000)) != null)
        {
        }
        return timings!;
    });

    private static InvalidOperationException? Refusal(Action run)
    {
        try
        {
            run();
            return null;
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            return e;
        }
    }

    /// <summary>Not inlined, so that nothing refers to the executor afterwards.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RunAndForget()
    {
        using var model = PlanModel.Load(Networks.Residual(1));
        var executor = new PlanExecutor(model, Threads, kernels: null, serialWork: 0);
        executor.Run(new float[executor.InputShape.Count], new float[executor.OutputShape.Count]);
        Assert.Equal(1, CountOfLastWorkers());
    }

    private static int CountOfLastWorkers() => Directory.GetDirectories("/proc/self/task").Count(task =>
    {
        try
        {
            return File.ReadAllText($"{task}/comm").Trim() == $"int8 worker {Threads - 1}";
        }
        catch (IOException)
        {
            return false; // it ended in between
        }
    });
}
