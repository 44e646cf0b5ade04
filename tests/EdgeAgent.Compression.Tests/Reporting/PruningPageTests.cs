using EdgeAgent.Compression.Pruning;
using EdgeAgent.Graph.Export.Onnx;

namespace EdgeAgent.Compression.Tests.Reporting;

public sealed class PruningPageTests : IDisposable
{
    private readonly TestData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Page_OfAPrunedModel_ShowsRoundsCurvesAndClasses()
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(TestGraphs.Residual(), model);
        var report = PruningPipeline.Run(
            new PruningOptions { ModelPath = model, DataPath = _data.Images, OutDirectory = Path.Combine(_data.Root, "pruned"), Budget = TimeSpan.FromSeconds(4), Steps = 24, Threads = 1, ChannelMultiple = 4, Rounds = 2, Sparsity = 0.5 },
            Quiet.Instance, TestContext.Current.CancellationToken);

        await using var browser = await ReportBrowser.Start();
        foreach (var width in (int[])[1280, 400])
        {
            var page = await browser.Open(Path.Combine(_data.Root, "pruned", "prune.html"), width);
            Assert.Equal(2, await page.Locator("#models tbody tr").CountAsync());
            Assert.Equal(2, await page.Locator("#rounds .scroll:not(details .scroll) tbody tr").CountAsync());
            Assert.Equal(report.Passes.Count(p => p.Curve.Count > 1), await page.Locator("svg[aria-label^='Loss of pass'] .line").CountAsync());
            Assert.Equal(report.Passes.Where(p => p.Curve.Count > 1).Sum(p => p.HeldOut.Count), await page.Locator("svg[aria-label^='Held-out accuracy'] .point").CountAsync());
            Assert.Equal(report.Comparison.Classes.Count, await page.Locator("svg[aria-label^='Difference by class'] .point").CountAsync());
            Assert.Contains("dense kernels multiply zeros too", await page.Locator("#models").InnerTextAsync());
            await browser.AssertSound(page, width);
        }
    }
}
