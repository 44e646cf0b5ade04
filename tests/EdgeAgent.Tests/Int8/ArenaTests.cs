using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Int8.SelfCheck;
using Xunit;

namespace EdgeAgent.Tests.Int8;

/// <summary>An arena is at most a fifth larger than the largest set of tensors that are alive at one time.</summary>
public sealed class ArenaTests
{
    private const double Limit = 1.2;

    [Fact]
    public void Bytes_OfAResidualNetwork_AreNearTheLargestLiveSet() => AssertNear(Networks.Residual(5), "residual");

    [Theory]
    [InlineData("kws_int8.tflite")]
    [InlineData("ic_resnet8_int8.tflite")]
    [InlineData("vww_96_int8.tflite")]
    public void Bytes_OfRealNetworks_AreNearTheLargestLiveSet(string file) =>
        AssertNear(PlanLowering.Lower(ModelImporter.Load(Repository.Shared("models", file))), file);

    [Fact]
    public void Bytes_OfRandomPlans_AreNearTheLargestLiveSet()
    {
        for (var seed = 1; seed <= 300; seed++)
            AssertNear(RandomPlan.Of(seed).Plan, $"random plan {seed}");
    }

    /// <summary>Shortcuts over many layers and branches that are joined late: lifetimes that cross one another.</summary>
    [Fact]
    public void Bytes_OfRandomBranches_AreNearTheLargestLiveSet()
    {
        for (var seed = 1; seed <= 500; seed++)
            AssertNear(Branches(seed), $"random branches {seed}");
    }

    private static void AssertNear(byte[] plan, string name)
    {
        using var model = PlanModel.Load(plan);
        using var executor = new PlanExecutor(model);
        Assert.True(
            executor.ArenaBytes >= executor.LargestLiveSetBytes && executor.ArenaBytes <= executor.LargestLiveSetBytes * Limit,
            $"{name}: {executor.ArenaBytes} bytes, {executor.LargestLiveSetBytes} are alive at one time");
    }

    private static byte[] Branches(int seed)
    {
        var random = new Random(seed);
        var b = new PlanBuilder("branches");
        var q = new Quantization(0.1f, 100);
        var alive = new List<TensorId> { b.Input(new PlanShape(16, 16, 8), q) };
        for (var step = random.Next(8, 30); step > 0; step--)
        {
            var x = alive[^random.Next(1, Math.Min(4, alive.Count) + 1)];
            var same = alive.Where(t => t != x && b.ShapeOf(t) == b.ShapeOf(x)).ToArray();
            alive.Add(random.Next(6) switch
            {
                0 when same.Length > 0 => b.Add(x, same[random.Next(same.Length)], q),
                1 when same.Length > 0 && b.ShapeOf(x).Channels < 64 => b.Concat([x, same[random.Next(same.Length)]], ConcatAxis.Channels, q),
                2 when b.ShapeOf(x).Height > 2 => b.MaxPool(x, PlanWindow.Square(2, 2)),
                3 => Convolution(b, random, x, random.Next(4, 40), 3, random.Next(1, 3)),
                4 => Convolution(b, random, x, b.ShapeOf(x).Channels, 3, 1),
                _ => Convolution(b, random, x, random.Next(4, 40), 1, 1),
            });
        }
        b.Output(b.Dequantize(alive[^1]));
        return b.Build();
    }

    private static TensorId Convolution(PlanBuilder b, Random random, TensorId x, int outputs, int kernel, int stride)
    {
        var weights = new sbyte[outputs * b.ShapeOf(x).Channels * kernel * kernel];
        var layer = new LayerWeights(weights, [.. Enumerable.Repeat(0.01f, outputs)], new int[outputs]);
        return b.Convolution(x, layer, PlanWindow.Square(kernel, stride, kernel / 2), 1, new Quantization(0.1f, random.Next(256)));
    }
}
