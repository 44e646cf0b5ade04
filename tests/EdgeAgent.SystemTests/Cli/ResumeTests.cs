using System.Security.Cryptography;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>A compression that is killed, in each of its passes, and continued.</summary>
public sealed class ResumeTests : IDisposable
{
    /// <summary>What the run writes when it is in the pass: loading, calibrated, distilling, finishing the first and the second student, exporting, chosen.</summary>
    private static readonly string[] Signs = ["write.probe", "plan.json", "distil.ckpt", "finish-*.ckpt", "*.onnx", "choice.txt"];

    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Compress_KilledInEveryPass_GivesTheFamilyOfAnUndisturbedRun()
    {
        string[] command = ["compress", "--model", _data.Network(), "--data", _data.Images(perClass: 40), "--profile", "x64-gateway", "--students", "2", "--steps", "160", "--checkpoint-every", "0.05s"];
        var undisturbed = await EdgectlProcess.RunAsync([.. command, "--json", "--out", _data.PathOf("undisturbed")]);
        Assert.NotEmpty(undisturbed.Json().GetProperty("students").EnumerateArray());

        var killed = _data.PathOf("killed");
        foreach (var sign in Signs)
            await KillAtAsync(sign, [.. command, "--resume", "--out", killed], Path.Combine(killed, ".compress"));
        var resumed = await EdgectlProcess.RunAsync([.. command, "--resume", "--json", "--out", killed]);

        Assert.NotEmpty(resumed.Json().GetProperty("students").EnumerateArray());
        Assert.Equal(Files(_data.PathOf("undisturbed")), Files(killed));
    }

    /// <summary>Kills the run as soon as it has written a file of that name, with no chance to do anything about it.</summary>
    private static async Task KillAtAsync(string name, string[] command, string folder)
    {
        Directory.CreateDirectory(folder);
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(folder, name);
        watcher.Created += (_, _) => written.TrySetResult();
        watcher.Renamed += (_, _) => written.TrySetResult();
        watcher.EnableRaisingEvents = true;
        using var process = EdgectlProcess.Start(command);
        var error = process.StandardError.ReadToEndAsync();
        var ended = process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAny(written.Task, ended);
        process.Kill();
        await ended;
        Assert.True(written.Task.IsCompleted, $"never wrote {name}: {await error}");
    }

    /// <summary>Hashes of the students' files; manifests hold the day they were made.</summary>
    private static SortedDictionary<string, string> Files(string family)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(family, "x64-gateway"), "*", SearchOption.AllDirectories))
            if (Path.GetFileName(path) != "manifest.json")
                files[Path.GetRelativePath(family, path)] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        Assert.NotEmpty(files);
        return files;
    }
}
