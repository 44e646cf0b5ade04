using EdgeAgent.Compression.Reporting;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Tests;
using Microsoft.Playwright;

namespace EdgeAgent.Compression.Tests.Reporting;

/// <summary>The page of a small real family in a real browser, on a desktop's, a telephone's and a printer's width.</summary>
public sealed class FamilyPageTests(FamilyPageTests.SmallFamily family) : IClassFixture<FamilyPageTests.SmallFamily>
{
    private readonly FamilyReport _report = family.Report;

    [Theory]
    [InlineData(1280)]
    [InlineData(400)]
    public async Task Page_AtAnyWidth_ShowsEveryFigureAndDoesNotOverflow(int width)
    {
        await using var browser = await ReportBrowser.Start();
        var page = await browser.Open(family.PagePath, width);

        foreach (var board in _report.Profiles)
            foreach (var cost in (string[])["size of model.onnx", "latency, predicted", "energy, predicted"])
                Assert.Equal(_report.Students.Count(s => s.Profile == board.Id) + 1, await page.Locator($"svg[aria-label='Accuracy against {cost} on {board.Id}'] .point").CountAsync());
        Assert.Equal(_report.Passes.Count(p => p.Curve.Count > 1), await page.Locator("svg[aria-label^='Loss of pass'] .line").CountAsync());
        Assert.Equal(_report.Passes.Where(p => p.Curve.Count > 1).Sum(p => p.HeldOut.Count * p.Models.Count), await page.Locator("svg[aria-label^='Held-out accuracy'] .point").CountAsync());
        Assert.Equal(_report.Comparisons.DistinctBy(c => c.Student).Count() * _report.Classes.Count, await page.Locator("svg[aria-label^='Difference by class'] .point").CountAsync());
        Assert.Equal(_report.Passes.Count, await page.Locator("#passes tbody tr").CountAsync());
        Assert.Equal(_report.Layers.Sum(l => l.Layers.Count), await page.Locator("#layers tbody tr").CountAsync());
        Assert.Equal(_report.Comparisons.Count, await page.Locator("#difference tbody tr").CountAsync());
        Assert.Equal(_report.Warnings.Count, await page.Locator(".warnings li").CountAsync());
        await browser.AssertSound(page, width);
    }

    [Fact]
    public async Task Page_ForWhoCannotSeeIt_HasHeadingsInOrderAndLinksThatLeadSomewhere()
    {
        await using var browser = await ReportBrowser.Start();
        var page = await browser.Open(family.PagePath);

        Assert.Equal("en", await page.Locator("html").GetAttributeAsync("lang"));
        var levels = await page.EvaluateAsync<int[]>("() => [...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])");
        Assert.Equal(1, levels[0]);
        Assert.All(levels.Zip(levels.Skip(1)), pair => Assert.True(pair.Second <= pair.First + 1));
        foreach (var link in await page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"))
            Assert.Equal(1, await page.Locator(link).CountAsync());
    }

    [Fact]
    public async Task Page_WithANameThatIsMarkup_ShowsItAsText()
    {
        await using var browser = await ReportBrowser.Start();
        var page = await browser.Open(family.PagePath);

        Assert.Contains(SmallFamily.HostileClass, await page.Locator("#classes table").First.InnerTextAsync());
        await browser.AssertSound(page, 1280);
    }

    [Fact]
    public async Task Page_WithLongNamesAndManyClasses_DoesNotOverflow()
    {
        var longest = new string('x', 300);
        var json = _report.ToJson().Replace($"\"{_report.Students[0].Name}\"", $"\"{longest}\"", StringComparison.Ordinal).Replace("\"class-1\"", $"\"{longest}\"", StringComparison.Ordinal).Replace("\"x64-gateway\"", $"\"{longest}\"", StringComparison.Ordinal);
        var report = FamilyReport.FromJson(json);
        var many = report with
        {
            Comparisons = [.. report.Comparisons.Select(c => c with { Classes = [.. Enumerable.Range(0, 300).SelectMany(_ => c.Classes)] })],
            Layers = [.. report.Layers.Select(s => s with { Layers = [.. Enumerable.Range(0, 20).SelectMany(_ => s.Layers.Select(l => l with { Name = longest }))] })],
            // An axis that ends at 4.490: a long number, at the very edge.
            Passes = [.. report.Passes.Select(p => p with { HeldOut = [], Curve = [.. p.Curve.Select((c, i) => c with { Seconds = 4.4382 + 0.049 * i / Math.Max(1, p.Curve.Count - 1) })] })],
        };
        var path = Path.Combine(Path.GetDirectoryName(family.PagePath)!, "many.html");
        await File.WriteAllTextAsync(path, FamilyPage.Of(many), TestContext.Current.CancellationToken);

        await using var browser = await ReportBrowser.Start();
        foreach (var width in (int[])[400, 1280])
            await browser.AssertSound(await browser.Open(path, width), width);
        // What does not fit on a page is in the document, and the page says so.
        Assert.True(new FileInfo(path).Length < 4_000_000);
    }

    /// <summary>Reports of before there was a page lack most of what it shows.</summary>
    [Fact]
    public async Task Page_OfAnEarlierReport_ShowsWhatThereIs()
    {
        var document = System.Text.Json.Nodes.JsonNode.Parse(_report.ToJson())!.AsObject();
        foreach (var member in (string[])["run", "classes", "trainingImages", "heldOutImages", "profiles", "comparisons", "layers", "warnings"])
            Assert.True(document.Remove(member));
        foreach (var pass in document["passes"]!.AsArray())
            foreach (var member in (string[])["runs", "steps", "models", "heldOut"])
                Assert.True(pass!.AsObject().Remove(member));
        var path = Path.Combine(Path.GetDirectoryName(family.PagePath)!, "earlier.html");
        await File.WriteAllTextAsync(path, FamilyPage.Of(FamilyReport.FromJson(document.ToJsonString())), TestContext.Current.CancellationToken);

        await using var browser = await ReportBrowser.Start();
        var page = await browser.Open(path);
        Assert.Equal(["The family", "Which student, and why", "Training", "Passes", "How to repeat it"], await page.Locator("nav a").AllInnerTextsAsync());
        Assert.Equal(_report.Students.Count + _report.Students.DistinctBy(s => s.Profile).Count(), await page.Locator("#family tbody tr").CountAsync());
        await browser.AssertSound(page, 1280);
    }

    [Fact]
    public async Task Page_WhenPrinted_FitsThePaperAndShowsWhatWasFolded()
    {
        await using var browser = await ReportBrowser.Start();
        var page = await browser.Open(family.PagePath);
        var folded = page.Locator("#run details table");
        await Assertions.Expect(folded).Not.ToBeVisibleAsync();

        await page.EmulateMediaAsync(new() { Media = Media.Print });
        await Assertions.Expect(folded).ToBeVisibleAsync();
        // A4 with its margins, at 96 pixels an inch.
        await page.SetViewportSizeAsync(703, 1000);
        Assert.Equal(703, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        var pdf = await page.PdfAsync(new() { PreferCSSPageSize = true, PrintBackground = true });
        Assert.Equal("%PDF-"u8, pdf.AsSpan(0, 5));
    }

    /// <summary>The page shows what the document says; here is what the document must say.</summary>
    [Fact]
    public void Report_OfAFamily_HoldsWhatThePageShows()
    {
        Assert.Equal(_report.ToJson(), FamilyReport.FromJson(_report.ToJson()).ToJson());
        Assert.All(_report.Comparisons, c =>
        {
            var student = _report.Students.First(s => s.Name == c.Student && s.Activations == c.Activations);
            Assert.Equal(student.Samples, c.Samples);
            Assert.Equal(student.Top1, c.Classes.Sum(k => k.StudentRight) / (double)c.Samples, 1e-12);
            Assert.Equal(_report.Teacher.Top1, c.Classes.Sum(k => k.TeacherRight) / (double)c.Samples, 1e-12);
            Assert.Equal(student.Top1 - _report.Teacher.Top1, c.Difference, 1e-12);
        });
        Assert.All(_report.Layers, s =>
        {
            var student = _report.Students.First(r => r.Name == s.Student);
            Assert.Equal(student.Macs, s.Layers.Sum(l => l.Macs));
            Assert.Equal(student.Parameters, s.Layers.Sum(l => l.Parameters));
            Assert.NotNull(s.Layers[0].LogitError);
            // A machine that is busy enough leaves some out, and says so.
            Assert.Equal(s.Layers.Any(l => l.LogitError is null), _report.Warnings.Any(w => w.StartsWith($"{s.Student}: the time did not suffice", StringComparison.Ordinal)));
            // Eight bits leave about 50 dB at best; and something must be left of the signal.
            Assert.All(s.Layers, l => Assert.InRange(l.SqnrDb ?? 40, 3, 70));
            Assert.Contains(s.Layers, l => l.TeacherChannels > l.OutputShape[0]);
        });
        Assert.StartsWith("edgectl compress --model ", _report.Run!.Command);
        var distil = Assert.Single(_report.Passes, p => p.Name == "distil");
        Assert.True(distil.Steps > 0 && distil.HeldOut.Count > 0);
        Assert.All(distil.HeldOut, p => Assert.Equal(distil.Models.Count, p.Top1.Count));
        Assert.Equal(_report.Passes.Count, _report.Passes.DistinctBy(p => p.Name).Count());
    }

    [Fact]
    public void Warnings_OfARunLongerThanItsBudget_SaySo()
    {
        Assert.Contains(ReportWarnings.Of(_report, TimeSpan.FromSeconds(_report.Seconds / 2)), w => w.StartsWith("The run took ", StringComparison.Ordinal));
        Assert.DoesNotContain(ReportWarnings.Of(_report, TimeSpan.FromSeconds(_report.Seconds)), w => w.StartsWith("The run took ", StringComparison.Ordinal));
    }

    [Fact]
    public void Page_WhereTheTeachersStepWasNotMeasured_DoesNotCompareWithIt()
    {
        // Whether it was measured in the run depends on how busy the machine was.
        string Page(double? teacherStepUs, double? ratio) => FamilyPage.Of(_report with { Overhead = _report.Overhead with { TeacherStepUs = teacherStepUs, Ratio = ratio } });
        const string comparison = "a training step of the teacher alone";
        Assert.Contains(comparison, Page(20_000, 1.25), StringComparison.Ordinal);
        Assert.DoesNotContain(comparison, Page(null, null), StringComparison.Ordinal);
    }

    /// <summary>A family for two boards in a few seconds, one class of which has a name that tries to be markup.</summary>
    public sealed class SmallFamily : IDisposable
    {
        public const string HostileClass = "<img src=x onerror=alert(1)> & \"it's\"";

        private readonly TestData _data = new(perClass: 40), _test = new(perClass: 30, seed: 2);

        public SmallFamily()
        {
            foreach (var images in (string[])[_data.Images, _test.Images])
                Directory.Move(Path.Combine(images, "class-0"), Path.Combine(images, HostileClass));
            var model = Path.Combine(_data.Root, "teacher.onnx");
            TeacherTrainer.Train(_data.Images, model, TestGraphs.Size, steps: 60, TimeSpan.FromSeconds(3), seed: 1, Quiet.Instance, CancellationToken.None);
            Report = CompressionPipeline.Run(
                new CompressionOptions
                {
                    ModelPath = model,
                    DataPath = _data.Images,
                    TestPath = _test.Images,
                    OutDirectory = Path.Combine(_data.Root, "family"),
                    Profiles = [.. ((string[])["x64-gateway", "raspberry-pi-4"]).Select(id => ProfileLoader.LoadById(Repository.FirmwareProfiles, id))],
                    Students = 3,
                    Budget = TimeSpan.FromSeconds(10),
                    // A number of steps, and on one thread: a busy machine then takes longer but shows the same page.
                    Steps = 24,
                    Threads = 1,
                    Budgets = new ProfileBudgets(MaxLatencyMs: 0.5),
                },
                Quiet.Instance, CancellationToken.None);
            // For who wants to look at it.
            if (Environment.GetEnvironmentVariable("EDGEAGENT_KEEP_REPORTS") is { Length: > 0 } folder)
                File.Copy(PagePath, Path.Combine(folder, "family.html"), overwrite: true);
        }

        public FamilyReport Report { get; }

        public string PagePath => Path.Combine(_data.Root, "family", "family.html");

        public void Dispose()
        {
            _data.Dispose();
            _test.Dispose();
        }
    }
}
