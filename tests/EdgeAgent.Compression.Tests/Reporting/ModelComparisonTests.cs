using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Reporting;

namespace EdgeAgent.Compression.Tests.Reporting;

public sealed class ModelComparisonTests
{
    // Labels, teacher and student of ten images of three classes, counted by hand.
    private static readonly int[] Labels = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2];
    private static readonly int[] Teacher = [0, 0, 0, 1, 1, 1, 2, 2, 2, 0];
    private static readonly int[] Student = [0, 1, 1, 0, 1, 2, 1, 2, 2, 0];

    private static ModelComparison Compare() =>
        ModelComparison.Of("w", "u8", new Tested("test", "", Labels, Teacher, new Dictionary<string, int[]> { ["m"] = Student }), "m", ["a", "b", "c"]);

    [Fact]
    public void Of_PairedPredictions_CountsWhatOnlyOneHasRight()
    {
        var c = Compare();
        Assert.Equal((10, 3, 2), (c.Samples, c.OnlyTeacher, c.OnlyStudent));
        Assert.Equal(-0.1, c.Difference, 1e-12);
        Assert.Equal(1, c.PExact, 1e-12);
        Assert.InRange(c.Difference, c.Interval[0], c.Interval[1]);
    }

    [Fact]
    public void Of_EachClass_TellsWhatWasUnlearnedAndWhatItIsTakenFor()
    {
        var classes = Compare().Classes;
        Assert.Equal([("a", 4, 3, 2, 2, 1), ("b", 3, 2, 2, 1, 1), ("c", 3, 2, 2, 0, 0)], classes.Select(c => (c.Class, c.Samples, c.TeacherRight, c.StudentRight, c.Lost, c.Gained)));
        Assert.Equal([("b", 2), ("c", 1), (null, 0)], classes.Select(c => (c.TakenFor, c.TakenForCount)));
        Assert.Equal(-0.25, classes[0].Difference, 1e-12);
    }

    [Fact]
    public void Of_AClassWithoutImages_HasNoDifference()
    {
        var tested = new Tested("test", "", [0, 0], [0, 0], new Dictionary<string, int[]> { ["m"] = [0, 0] });
        var empty = ModelComparison.Of("w", "u8", tested, "m", ["a", "b"]).Classes[1];
        Assert.Equal((0, 0.0, null), (empty.Samples, empty.Difference, empty.TakenFor));
    }
}
