using System.IO.Compression;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Tests;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class TransferPassTests : IDisposable
{
    private static readonly string[] Classes = ["airplane", "automobile", "frog", "horse"];

    private readonly string _folder = Directory.CreateTempSubdirectory("edgeagent-transfer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>A network for ten classes, MLPerf Tiny's ResNet-8, learns to tell four from 360 photographs; chance is a quarter.</summary>
    [Fact]
    public void Run_OnPhotographs_LearnsTheirClasses()
    {
        var options = new TrainingOptions
        {
            ModelPath = Repository.Shared("models", "ic_resnet8_float.tflite"),
            DataPath = Photographs(Repository.Shared("data", "cifar10-test.zip"), perClass: 100),
            OutDirectory = Path.Combine(_folder, "out"),
            Transfer = true,
            Steps = 160,
        };
        TorchRuntime.Prepare(options.Threads);
        using var inputs = RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);
        var clock = new RunClock(TimeProvider.System, options.Budget);

        var result = TransferPass.Run(options, inputs, Workspace.Open(options.OutDirectory), _ => new Trainer(clock, TimeProvider.System, Quiet.Instance, null, TimeSpan.MaxValue, ""), TestContext.Current.CancellationToken);

        Assert.Equal([-1, 4], result.Teacher.Outputs[0].Shape);
        // 40 held-out photographs: 0.75 is seven standard deviations above what a blind model gets.
        Assert.InRange(result.Top1, 0.75, 1);
        Assert.InRange(result.HeadTop1, 0.5, 1);
    }

    private string Photographs(string zip, int perClass)
    {
        using var archive = ZipFile.OpenRead(zip);
        foreach (var group in archive.Entries.Where(e => e.Name.Length > 0).GroupBy(e => Path.GetFileName(Path.GetDirectoryName(e.FullName))!))
        {
            if (!Classes.Contains(group.Key))
                continue;
            var folder = Directory.CreateDirectory(Path.Combine(_folder, "photographs", group.Key)).FullName;
            foreach (var entry in group.Take(perClass))
                entry.ExtractToFile(Path.Combine(folder, entry.Name));
        }
        return Path.Combine(_folder, "photographs");
    }
}
