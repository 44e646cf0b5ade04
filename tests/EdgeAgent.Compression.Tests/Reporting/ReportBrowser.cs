using Microsoft.Playwright;

namespace EdgeAgent.Compression.Tests.Reporting;

/// <summary>Report pages in Chromium, and what every one of them must be; skips where there is no Chromium.</summary>
internal sealed class ReportBrowser : IAsyncDisposable
{
    private const string Chromium = "/usr/bin/chromium";

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;
    private readonly List<string> _complaints = [];

    private ReportBrowser(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    public static async Task<ReportBrowser> Start()
    {
        Assert.SkipUnless(File.Exists(Chromium), $"{Chromium} is not there; apt-get install chromium");
        var playwright = await Playwright.CreateAsync();
        return new ReportBrowser(playwright, await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu"] }));
    }

    public async Task<IPage> Open(string path, int width = 1280)
    {
        var page = await _browser.NewPageAsync(new() { ViewportSize = new() { Width = width, Height = 900 } });
        page.Console += (_, message) => _complaints.Add($"{message.Type}: {message.Text}");
        page.PageError += (_, fault) => _complaints.Add(fault);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith("file:", StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
                _complaints.Add($"the page asks for {request.Url}");
        };
        await page.GotoAsync("file://" + path);
        return page;
    }

    /// <summary>Nothing sticks out at the given width, nothing came from elsewhere, and the browser had nothing to complain of.</summary>
    public async Task AssertSound(IPage page, int width)
    {
        Assert.Equal(width, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
        // Whatever is wider than the page scrolls in a box of its own.
        Assert.Empty(await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll table, details:not([open]) > :not(summary)') && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 120))
            """));
        Assert.Empty(await page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('svg.plot')].flatMap(s => [...s.querySelectorAll('text')].filter(t => { const a = s.getBoundingClientRect(), b = t.getBoundingClientRect(); return b.left < a.left - 1 || b.right > a.right + 1 || b.top < a.top - 1 || b.bottom > a.bottom + 1; }).map(t => s.getAttribute('aria-label') + ': ' + t.textContent))
            """));
        Assert.Equal(0, await page.Locator("svg.plot:not(:has(> title + desc)), table:not(:has(> caption)), th:not([scope])").CountAsync());
        Assert.Equal(0, await page.Locator("table:not(:has(tbody tr)), img, script, iframe, object, link[rel=stylesheet]").CountAsync());
        Assert.Empty(_complaints);
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}
