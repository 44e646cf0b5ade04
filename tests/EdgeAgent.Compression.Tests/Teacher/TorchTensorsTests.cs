using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Teacher;

public sealed class TorchTensorsTests
{
    static TorchTensorsTests() => TorchRuntime.Prepare();

    /// <summary>Arrays of odd lengths between them put the numbers where the garbage collector likes.</summary>
    [Fact]
    public void Of_NumbersAnywhereInMemory_GivesTheSameProducts()
    {
        using var scope = torch.NewDisposeScope();
        var random = new Random(1);
        const int length = 512, outputs = 10;
        float[] input = Floats(length), weight = Floats(outputs * length);
        var kept = new List<object>();
        float[] Product()
        {
            kept.Add(new byte[random.Next(1, 100)]);
            float[] x = [.. input], w = [.. weight];
            kept.AddRange([x, w]);
            return TorchTensors.Of(x, 1, length).matmul(TorchTensors.Of(w, outputs, length).t()).ToFloats();
        }
        var first = Product();

        Assert.All(Enumerable.Range(0, 50), _ => Assert.Equal(first, Product()));

        float[] Floats(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
