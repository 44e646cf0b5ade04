using System.Security.Cryptography;
using Xunit;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>Runs that are killed, in each of their passes, and continued.</summary>
public sealed class ResumeTests : IDisposable
{
    private readonly ColourData _data = new();

    public void Dispose() => _data.Dispose();

    /// <summary>While it loads, while kinds of blocks are tried, after its plan, in training, in a student's finish, while it exports, and after the choice.</summary>
    [Fact]
    public async Task Compress_KilledInEveryPass_GivesTheFamilyOfAnUndisturbedRun() => await IsTheSameAsync(
        ["compress", "--profile", "x64-gateway", "--students", "2", "--steps", "160"],
        ["write.probe", "trial.ckpt", "plan.json", "distil.ckpt", "finish-*.ckpt", "*.onnx", "choice.txt"]);

    /// <summary>Students of other layers than the teacher's: in training, and in a student's finish.</summary>
    [Fact]
    public async Task Compress_ToMobileBlocksKilledInTraining_GivesTheFamilyOfAnUndisturbedRun() => await IsTheSameAsync(
        ["compress", "--profile", "x64-gateway", "--students", "1", "--steps", "80", "--blocks", "mobile"],
        ["distil.ckpt", "finish-m*.ckpt"]);

    /// <summary>While it loads, after its plan, in the recovery of the first round, after that round, and in the recovery of the last.</summary>
    [Fact]
    public async Task Prune_KilledInEveryPass_GivesTheModelOfAnUndisturbedRun() => await IsTheSameAsync(
        ["prune", "--rounds", "2", "--steps", "120"],
        ["write.probe", "plan.json", "recover-1.ckpt", "round-0.onnx", "recover-2.ckpt"]);

    /// <param name="signs">What the run writes when it is in the pass to be killed in.</param>
    private async Task IsTheSameAsync(string[] command, string[] signs)
    {
        command = [.. command, "--model", _data.Network(), "--data", _data.Images(perClass: 40), "--checkpoint-every", "0.05s", "--json"];
        (await EdgectlProcess.RunAsync([.. command, "--out", _data.PathOf("undisturbed")])).Json();

        var killed = _data.PathOf("killed");
        foreach (var sign in signs)
            await KillAtAsync(sign, [.. command, "--resume", "--out", killed], Path.Combine(killed, ".compress"));
        (await EdgectlProcess.RunAsync([.. command, "--resume", "--out", killed])).Json();

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

    /// <summary>Hashes of the models' files; manifests and reports hold the time they were made.</summary>
    private static SortedDictionary<string, string> Files(string folder)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            if (Path.GetExtension(path) is ".onnx" or ".plan" or ".inputs" or ".outputs" && !path.Contains("/.compress/", StringComparison.Ordinal))
                files[Path.GetRelativePath(folder, path)] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        Assert.NotEmpty(files);
        return files;
    }
}
