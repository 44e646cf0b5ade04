using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.SystemTests.Fleet;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>The loop closes: what the devices of a fleet measured changes what <c>edgectl compress</c> makes for them.</summary>
public sealed class FromFleetTests : IDisposable
{
    private const double TimesSlower = 3;

    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Compress_FromAFleetThatIsSlowerThanPublished_MakesNarrowerStudents()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await fleet.PutProfileAsync();
        await using var device = await fleet.DeviceAsync("dev-1");
        for (var i = 0; i < 2; i++)
        {
            var package = packages.Create($"s{i}", megaMacs: i == 0 ? 5 : 100);
            await fleet.UploadAsync(package);
            await device.SendAsync(device.Event(i + 1, package.Report(TimesSlower)));
        }

        var published = await CompressAsync("published");
        Assert.DoesNotContain("fitted", published.Error);
        var budgetMs = 1.5 * Largest(published.Json(), "predictedUs") / 1000;

        var fitted = await CompressAsync("fitted", "--max-latency-ms", Number(budgetMs), "--from-fleet", fleet.Url, "--token-file", fleet.AdminTokenFile);
        Assert.Contains($"{TestPackages.Profile}: cost model fitted to 2 measured models", fitted.Error);
        // By the published figures every student is well within the budget; the board is three times slower than they say.
        Assert.True(Largest(fitted.Json(), "width") < Largest(published.Json(), "width"), fitted.Output);
        Assert.All(Students(fitted.Json()), s => Assert.True(s.GetProperty("predictedUs").GetDouble() <= budgetMs * 1000, fitted.Output));
    }

    private async Task<EdgectlRun> CompressAsync(string name, params string[] options)
    {
        var run = await EdgectlProcess.RunAsync([
            "compress", "--json", "--model", _data.Network(), "--data", _data.Images(perClass: 40), "--profile", TestPackages.Profile,
            "--budget", "8s", "--out", _data.PathOf(name), .. options]);
        Assert.True(run.ExitCode == 0, run.Error);
        return run;
    }

    private static IEnumerable<JsonElement> Students(JsonElement family) => family.GetProperty("students").EnumerateArray();

    private static double Largest(JsonElement family, string property) => Students(family).Max(s => s.GetProperty(property).GetDouble());

    private static string Number(double value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
