using EdgeAgent.Device.Inference;
using EdgeAgent.Tests.Int8;
using Xunit;

namespace EdgeAgent.Tests.Device;

public sealed class Int8EngineTests
{
    [Fact]
    public void Constructor_OfADamagedPlan_SaysThatTheModelIsUnusable()
    {
        using var folder = new TemporaryFolder();
        var path = WritePlan(folder, Networks.Residual(1)[..^64]);

        var error = Assert.Throws<ModelUnusableException>(() => new Int8Engine(path, threads: 1));

        Assert.StartsWith("the int8 plan is not valid: ", error.Message, StringComparison.Ordinal);
    }

    /// <summary>As where a kernel set is forced that the CPU does not have: the plan is sound, and cannot be executed here.</summary>
    [Fact]
    public void Constructor_ThatTheEngineRefuses_SaysThatTheModelIsUnusable()
    {
        using var folder = new TemporaryFolder();
        var path = WritePlan(folder, Networks.Residual(1));

        var error = Assert.Throws<ModelUnusableException>(() => new Int8Engine(path, threads: 0));

        Assert.StartsWith("the int8 engine cannot execute the plan: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WhenTheFileIsGone_ComputesAllTheSame()
    {
        using var folder = new TemporaryFolder();
        var path = WritePlan(folder, Networks.Residual(1));
        using var engine = new Int8Engine(path, threads: 1);
        File.Delete(path);
        if (OperatingSystem.IsLinux())
            Assert.DoesNotContain(path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);

        var logits = new float[engine.OutputLength];
        engine.Run(Networks.Noise(engine.InputLength, 1), logits);

        Assert.Contains(logits, l => l != 0);
    }

    private static string WritePlan(TemporaryFolder folder, byte[] plan)
    {
        var path = Path.Combine(folder.Path, "model.plan");
        File.WriteAllBytes(path, plan);
        return path;
    }
}
