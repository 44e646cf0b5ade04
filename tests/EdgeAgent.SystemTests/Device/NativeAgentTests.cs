using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using EdgeAgent.SystemTests.Fleet;

namespace EdgeAgent.SystemTests.Device;

/// <summary>The agent as boards get it, native code, against the real controller.</summary>
public sealed class NativeAgentTests
{
    /// <summary>Ceiling of the program without ONNX Runtime's library; the README says what it is now.</summary>
    private const long MaxProgramBytes = 16 << 20;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task X64V2_Hardware_DispatchesSse41()
    {
        var hardware = await HardwareAsync(AgentProgram.Native(await NativeAgents.X64Async("x86-64-v2")));
        Assert.Equal(("sse41", "x64"), (hardware.KernelSet, hardware.Architecture));
        Assert.Equal(["sse4.1"], hardware.Isa);
    }

    [Fact]
    public async Task X64V3_Hardware_DispatchesTheBestOfTheCpu()
    {
        var flags = await CpuFlagsAsync();
        Assert.SkipUnless(flags.Contains("avx2"), "this CPU has no AVX2");
        var hardware = await HardwareAsync(AgentProgram.Native(await NativeAgents.X64Async("x86-64-v3")));
        var expected = flags.Contains("avx512_vnni") && flags.Contains("avx512bw") && flags.Contains("avx512vl") ? "avx512vnni" : flags.Contains("avx_vnni") ? "avxvnni" : "avx2";
        Assert.Equal(expected, hardware.KernelSet);
        Assert.Contains("avx2", hardware.Isa);
    }

    [Fact]
    public async Task X64V3_HardwareWhereNoMemoryBecomesExecutable_DispatchesTheNextBest()
    {
        var flags = await CpuFlagsAsync();
        Assert.SkipUnless(flags.Contains("avx2"), "this CPU has no AVX2");
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.OSVersion.Version >= new Version(6, 3), "PR_SET_MDWE needs Linux 6.3");
        Assert.SkipUnless(File.Exists("/usr/bin/perl"), "perl is not installed: apt-get install perl-base");
        var hardware = await HardwareAsync(AgentProgram.WithoutNewExecutableMemory(await NativeAgents.X64Async("x86-64-v3")));
        Assert.Equal(flags.Contains("avx_vnni") ? "avxvnni" : "avx2", hardware.KernelSet);
    }

    [Theory]
    [InlineData("max", "neon-dot")]
    [InlineData("cortex-a72", "neon")]
    public async Task Arm64_HardwareUnderQemu_FindsDotProductAtRunTime(string cpu, string kernelSet)
    {
        var hardware = await HardwareAsync(AgentProgram.UnderQemu(await NativeAgents.Arm64Async(), cpu));
        Assert.Equal((kernelSet, "arm64"), (hardware.KernelSet, hardware.Architecture));
    }

    [Fact]
    public async Task X64V3_Program_KeepsToItsBudget()
    {
        var program = await NativeAgents.X64Async("x86-64-v3");
        Assert.InRange(new FileInfo(program).Length, 1 << 20, MaxProgramBytes);
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(program)!, "onnxruntime.dll")));
    }

    [Fact]
    public async Task X64V2AndV3_Rollout_Complete()
    {
        await RolloutAsync(
            ("gateway-v2", AgentProgram.Native(await NativeAgents.X64Async("x86-64-v2")), "sse41"),
            ("gateway-v3", AgentProgram.Native(await NativeAgents.X64Async("x86-64-v3")), null));
    }

    [Fact]
    public async Task Arm64_RolloutUnderQemu_Completes()
    {
        string[] places = [AgentProgram.Arm64Libraries, "/usr/lib/aarch64-linux-gnu", "/usr/aarch64-linux-gnu/lib"];
        Assert.SkipUnless(places.Any(place => File.Exists(Path.Combine(place, "libssl.so.3"))), "OpenSSL for arm64 is not here; .ci/run unpacks Debian's libssl3 into artifacts/arm64");
        await RolloutAsync(("pi-under-qemu", AgentProgram.UnderQemu(await NativeAgents.Arm64Async(), "max"), "neon-dot"));
    }

    [Fact]
    public async Task X64V3_OnnxRuntimePackage_Commits()
    {
        using var models = new TinyModels();
        await RolloutAsync(models, models.Onnx(), ("gateway-ort", AgentProgram.Native(await NativeAgents.X64Async("x86-64-v3")), "onnxruntime"));
    }

    private static async Task RolloutAsync(params (string Device, AgentProgram Program, string? KernelSet)[] devices)
    {
        using var models = new TinyModels();
        await RolloutAsync(models, models.Int8(seed: 1), devices);
    }

    /// <summary>Enrols the devices at a real controller, rolls a package out to them and waits until all have committed and reported.</summary>
    private static async Task RolloutAsync(TinyModels models, TinyPackage package, params (string Device, AgentProgram Program, string? KernelSet)[] devices)
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.PutProfileAsync(TinyModels.Profile);
        await fleet.UploadAsync(new TestPackage(package.Envelope, package.Manifest, package.Files, models.PublicKeyPem));
        var token = await fleet.TokenAsync(uses: devices.Length);
        var folder = Directory.CreateTempSubdirectory("edge-agent-native-");
        List<AgentProcess> running = [];
        try
        {
            foreach (var (device, program, _) in devices)
            {
                running.Add(AgentProcess.Start(program,
                [
                    "--controller", fleet.Url, "--enrol-token", token, "--device", device, "--emulate-profile", TinyModels.Profile,
                    "--state", Path.Combine(folder.FullName, device), "--benchmark-seconds", "0.2", "--probation-seconds", "0.2", "--no-energy-windows",
                ]));
            }
            string Describe() => string.Join("\n---\n", running.Select(agent => agent.Error));
            await EventuallyAsync(async () => (await fleet.GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary)).Count(d => d.Online) == devices.Length, Describe);
            var rollout = await fleet.PostAsync(FleetRoutes.Rollouts, new RolloutRequest { Model = TinyModels.Model, Waves = [0.5, 1] }, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus);
            await EventuallyAsync(async () => (await fleet.GetAsync(FleetRoutes.Rollout(rollout.Id), ContractsJson.Default.RolloutStatus)).State != RolloutState.Running, Describe);
            rollout = await fleet.GetAsync(FleetRoutes.Rollout(rollout.Id), ContractsJson.Default.RolloutStatus);
            Assert.True(rollout.State == RolloutState.Completed, $"{rollout.State}: {rollout.Reason}\n{Describe()}");

            foreach (var (device, _, kernelSet) in devices)
            {
                var route = $"{FleetRoutes.Reports}?device={device}&model={TinyModels.Model}&limit=100";
                await EventuallyAsync(async () => (await ReportsAsync(fleet, route)).Any(report => report.Phase == BenchmarkPhase.Serving), Describe);
                Assert.All(await ReportsAsync(fleet, route), report =>
                {
                    Assert.True(report.Emulated);
                    Assert.Equal(1.0, report.GoldenAgreement);
                    Assert.Equal(EnergySource.Estimated, report.Energy!.Source);
                    if (kernelSet is not null)
                        Assert.Equal(kernelSet, report.KernelSet);
                });
            }
            foreach (var agent in running)
                Assert.Equal(0, await agent.StopAsync());
        }
        finally
        {
            foreach (var agent in running)
                await agent.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }

    private static async Task<IReadOnlyList<string>> CpuFlagsAsync() =>
        (await File.ReadAllTextAsync("/proc/cpuinfo", Cancellation)).Split('\n').FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal))?.Split(' ') ?? [];

    private static async Task<IReadOnlyList<BenchmarkReport>> ReportsAsync(TestFleet fleet, string route) =>
        [.. (await fleet.GetAsync(route, ContractsJson.Default.IReadOnlyListStoredReport)).Select(r => r.Event.Benchmark).OfType<BenchmarkReport>()];

    /// <summary>Asks the controller, which has no push for tests, until it says so.</summary>
    private static async Task EventuallyAsync(Func<Task<bool>> isSo, Func<string> describe)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var start = Stopwatch.GetTimestamp();
        while (!await isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < AgentProcess.Limit, string.Create(CultureInfo.InvariantCulture, $"what the test waits for did not come within {AgentProcess.Limit}; the agents said:\n{describe()}"));
            await poll.WaitForNextTickAsync(Cancellation);
        }
    }

    private static async Task<HardwareReport> HardwareAsync(AgentProgram program)
    {
        var start = new ProcessStartInfo(program.File) { RedirectStandardOutput = true };
        foreach (var argument in program.Before)
            start.ArgumentList.Add(argument);
        start.ArgumentList.Add("hardware");
        using var process = Process.Start(start)!;
        var json = await process.StandardOutput.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(0, process.ExitCode);
        var hardware = JsonSerializer.Deserialize(json, ContractsJson.Default.HardwareReport)!;
        Assert.Equal(hardware.KernelSet, hardware.Roofline?.KernelSet);
        Assert.True(hardware.Roofline is { Int8GigaMacs: > 0, Float32GigaMacs: > 0, CopyGBps: > 0, FillGBps: > 0, Reads.Count: > 0 });
        return hardware;
    }
}
