using EdgeAgent.Inputs;

namespace EdgeAgent.Tests.Inputs;

public class DeadLeavesTests
{
    [Fact]
    public void Create_GivesTheSameImageForTheSameSeed_AndOthersForOthers()
    {
        Assert.Equal(DeadLeaves.Create(32, 24, 7).Pixels, DeadLeaves.Create(32, 24, 7).Pixels);
        Assert.NotEqual(DeadLeaves.Create(32, 24, 7).Pixels, DeadLeaves.Create(32, 24, 8).Pixels);
    }

    /// <summary>As in photographs and unlike in noise, neighbours are mostly alike, and now and then there is an edge.</summary>
    [Fact]
    public void Create_HasFlatAreasAndEdges()
    {
        int flat = 0, edges = 0, all = 0;
        for (var seed = 0; seed < 32; seed++)
        {
            var pixels = DeadLeaves.Create(64, 64, seed).Pixels;
            for (var y = 0; y < 64; y++)
                for (var x = 1; x < 64; x++, all++)
                {
                    var difference = Math.Abs(pixels[(y * 64 + x) * 3] - pixels[(y * 64 + x - 1) * 3]);
                    flat += difference < 4 ? 1 : 0;
                    edges += difference > 32 ? 1 : 0;
                }
        }
        Assert.InRange((double)flat / all, 0.5, 0.95);
        Assert.InRange((double)edges / all, 0.02, 0.4);
    }
}
