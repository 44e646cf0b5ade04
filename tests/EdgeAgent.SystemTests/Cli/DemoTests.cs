using System.Globalization;
using System.Text;
using System.Text.Json;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

public sealed class DemoTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    /// <summary>The whole loop with everything in it real, except that training is too short for good accuracies.</summary>
    [Fact]
    public async Task Demo_OnThisMachine_BringsStudentsToThreeDevicesAndTakesItsProcessesWithIt()
    {
        using var demo = EdgectlProcess.Start(["demo", "--quick", "--keep", "--json", "--out", _data.PathOf("demo")]);
        var error = demo.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            HoldsTheContract(await ReadDocumentAsync(demo.StandardOutput) ?? throw new InvalidOperationException($"the demo ended without a result: {await error}"));
        }
        finally
        {
            var children = ChildrenOf(demo.Id);
            // The hardest way to end it: nothing of the demo's own can clean up.
            demo.Kill();
            await demo.WaitForExitAsync(TestContext.Current.CancellationToken);
            await Task.WhenAll(children.Select(c => ProcessEnd.OfAsync(c, TestContext.Current.CancellationToken)));
        }
    }

    [Fact]
    public async Task Demo_IntoAFolderThatIsNotEmpty_FailsWithWhatToDo()
    {
        _data.Write("taken", [1]);
        (await EdgectlProcess.RunAsync("demo", "--out", _data.Folder)).FailsWith(1, "not empty", "--out");
    }

    private static void HoldsTheContract(JsonElement json)
    {
        Assert.Equal(["schema", "teacher", "students", "devices", "rollout", "seconds"], json.EnumerateObject().Select(p => p.Name));
        var rollout = json.GetProperty("rollout");
        Assert.Equal("completed", rollout.GetProperty("state").GetString());
        Assert.Equal(["done", "done"], rollout.GetProperty("waves").EnumerateArray().Select(w => w.GetProperty("state").GetString()));
        Assert.Equal(6, json.GetProperty("students").GetArrayLength());
        Assert.Equal(3, json.GetProperty("students").EnumerateArray().Select(s => s.GetProperty("name").GetString()).Distinct().Count());

        var devices = json.GetProperty("devices").EnumerateArray().ToList();
        Assert.Equal(3, devices.Count);
        Assert.All(devices, d =>
        {
            Assert.Equal("committed", d.GetProperty("state").GetString());
            Assert.NotEmpty(d.GetProperty("student").GetString()!);
            Assert.True(d.GetProperty("p50Us").GetDouble() > 0);
            Assert.True(d.GetProperty("p95Us").GetDouble() >= d.GetProperty("p50Us").GetDouble());
            Assert.True(d.GetProperty("energyMj").GetDouble() > 0);
            Assert.Contains(d.GetProperty("energySource").GetString(), (string[])["measured", "estimated"]);
        });
        Assert.Equal([1, 2, 1], devices.Select(d => d.GetProperty("threads").GetInt32()));
        Assert.Contains(devices[2].GetProperty("kernelSet").GetString(), (string[])["sse41", "neon"]);
        Assert.True(json.GetProperty("seconds").GetDouble() > 0);
    }

    /// <summary>The first indented document of a stream that goes on; null when it ends before.</summary>
    private static async Task<JsonElement?> ReadDocumentAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            text.AppendLine(line);
            if (line != "}")
                continue;
            using var document = JsonDocument.Parse(text.ToString());
            return document.RootElement.Clone();
        }
        return null;
    }

    /// <summary>Processes whose parent is <paramref name="parent"/>; empty where there is no /proc.</summary>
    private static List<int> ChildrenOf(int parent) => !Directory.Exists("/proc") ? [] :
        [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Select(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && ParentOf(id) == parent)];

    private static int? ParentOf(int id)
    {
        try
        {
            // pid (name) state parent ...; the name may hold spaces and parentheses.
            var text = File.ReadAllText($"/proc/{id}/stat");
            return int.Parse(text[(text.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
