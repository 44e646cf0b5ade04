using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Reporting;

namespace EdgeAgent.Compression.Tests.Reporting;

public sealed class ReportWarningsTests
{
    /// <summary>Right answers and images of each class; by chance is what the most frequent class has.</summary>
    [Theory]
    [InlineData(500, new[] { 500, 500 }, true)]
    [InlineData(560, new[] { 500, 500 }, false)]
    [InlineData(905, new[] { 900, 100 }, true)]
    [InlineData(960, new[] { 900, 100 }, false)]
    [InlineData(12, new[] { 10, 10 }, true)]
    [InlineData(17, new[] { 10, 10 }, false)]
    [InlineData(150, new[] { 250, 250, 250, 250 }, true)]
    [InlineData(290, new[] { 250, 250, 250, 250 }, true)]
    [InlineData(400, new[] { 250, 250, 250, 250 }, false)]
    [InlineData(100, new[] { 250, 250, 250, 250, 250 }, true)]
    public void OfTeacher_NearChance_SaysWhatToCheck(int right, int[] images, bool warns)
    {
        int[] labels = [.. images.SelectMany((count, label) => Enumerable.Repeat(label, count))];
        var predicted = labels.Select((label, i) => i < right ? label : (label + 1) % images.Length).ToArray();
        string[] classes = [.. images.Select((_, i) => $"class-{i}")];

        var warning = ReportWarnings.OfTeacher(Accuracy.Of(predicted, labels), labels, classes, fitted: false);

        Assert.Equal(warns, warning is not null);
        if (warning is null)
            return;
        Assert.Contains("--preprocessing", warning, StringComparison.Ordinal);
        Assert.Contains($"the order {string.Join(", ", classes.Take(4))}{(classes.Length > 4 ? " and so on" : "")}.", warning, StringComparison.Ordinal);
        Assert.Contains("always saying 'class-0'", warning, StringComparison.Ordinal);
        Assert.Contains("--budget", ReportWarnings.OfTeacher(Accuracy.Of(predicted, labels), labels, classes, fitted: true)!, StringComparison.Ordinal);
    }
}
