using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary><c>edgectl prune</c> as a user runs it.</summary>
public sealed class PruneTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Prune_WritesASmallerModelThatEvalReads()
    {
        var run = await EdgectlProcess.RunAsync("prune", "--json", "--model", _data.Network(), "--data", _data.Images(perClass: 40), "--times", "4", "--rounds", "2", "--budget", "8s", "--out", _data.PathOf("pruned"));
        var report = run.Json();
        var (teacher, pruned) = (report.GetProperty("teacher"), report.GetProperty("pruned"));
        Assert.True(pruned.GetProperty("parameters").GetInt64() * 4 <= teacher.GetProperty("parameters").GetInt64());
        Assert.True(pruned.GetProperty("bytes").GetInt64() * 3 < teacher.GetProperty("bytes").GetInt64());

        var eval = await EdgectlProcess.RunAsync("eval", "--json", "--model", report.GetProperty("model").GetString()!, "--data", _data.PathOf("images"));
        Assert.Equal(120, eval.Json().GetProperty("samples").GetInt32());
    }

    [Theory]
    [InlineData("--times", "1")]
    [InlineData("--times", "0.5")]
    [InlineData("--sparsity", "1")]
    [InlineData("--criterion", "luck")]
    public async Task WrongUsage_ExitsWith2(params string[] options) =>
        (await EdgectlProcess.RunAsync(["prune", "--model", "m", "--data", "d", "--out", _data.PathOf("out"), .. options])).FailsWith(2);
}
