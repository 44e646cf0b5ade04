using EdgeAgent.Compression.Reporting;
using FsCheck.Xunit;

namespace EdgeAgent.Compression.Tests.Reporting;

public sealed class ParetoFrontTests
{
    [Fact]
    public void Of_PointsWithTies_KeepsTheBestOfEqualCostAndTheCheapestOfEqualValue() =>
        Assert.Equal([(1, 0.5), (3, 0.7), (9, 0.9)], ParetoFront.Of([(9, 0.9), (3, 0.6), (1, 0.5), (3, 0.7), (4, 0.7), (2, 0.4)], p => p.Item1, p => p.Item2));

    [Property]
    public void Of_AnyPoints_IsWhatNoPointBeats((byte Cost, byte Value)[] points)
    {
        var front = ParetoFront.Of(points, p => p.Cost, p => p.Value);
        bool Beats((byte Cost, byte Value) a, (byte Cost, byte Value) b) => a.Cost <= b.Cost && a.Value >= b.Value && a != b;
        Assert.Equal(points.Distinct().Where(p => !points.Any(q => Beats(q, p))).OrderBy(p => p.Cost), front);
    }
}
