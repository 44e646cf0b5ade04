using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Hardware;

namespace EdgeAgent.Tests.Device;

public sealed class HardwareProbeTests : IDisposable
{
    private readonly TemporaryFolder _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void Report_RaspberryPi5_NamesBoardCoreAndClock()
    {
        _tree.Put("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0");
        _tree.Put("/proc/cpuinfo", string.Join('\n', Enumerable.Range(0, 4).Select(i => $"""
            processor	: {i}
            BogoMIPS	: 108.00
            Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
            CPU implementer	: 0x41
            CPU architecture: 8
            CPU variant	: 0x4
            CPU part	: 0xd0b
            CPU revision	: 1

            """)) + "\nRevision	: d04170\nSerial		: 0000000000000000\nModel		: Raspberry Pi 5 Model B Rev 1.0");
        _tree.Put("/proc/meminfo", "MemTotal:        8245360 kB\nMemFree:         5000000 kB");
        _tree.Put("/proc/sys/kernel/osrelease", "6.6.31+rpt-rpi-2712");
        _tree.Put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian");
        for (var i = 0; i < 4; i++)
            _tree.Put($"/sys/devices/system/cpu/cpu{i}/cpufreq/cpuinfo_max_freq", "2400000");
        _tree.Put("/sys/devices/system/cpu/cpufreq/boost", "0");

        var report = Report();

        Assert.Equal("Raspberry Pi 5 Model B Rev 1.0", report.Board);
        Assert.Equal("Cortex-A76", report.Cpu);
        Assert.Equal(4, report.Cores);
        Assert.Equal(2400, report.MaxClockMhz);
        Assert.Equal(8245360L * 1024, report.MemoryBytes);
        Assert.Equal("6.6.31+rpt-rpi-2712", report.Kernel);
        Assert.Equal("Debian GNU/Linux 12 (bookworm)", report.Os);
        Assert.Empty(report.PowerSensors);
        Assert.True(report.DiskFreeBytes > 0);
    }

    [Fact]
    public void Report_N100Gateway_NamesBoardFromDmiAndItsSensor()
    {
        _tree.Put("/sys/class/dmi/id/sys_vendor", "Beelink");
        _tree.Put("/sys/class/dmi/id/product_name", "MINI S12");
        _tree.Put("/proc/cpuinfo", "processor	: 0\nvendor_id	: GenuineIntel\nmodel name	: Intel(R) N100\n\nprocessor	: 1\nmodel name	: Intel(R) N100");
        _tree.Put("/sys/class/powercap/intel-rapl:0/name", "package-0");
        _tree.Put("/sys/class/powercap/intel-rapl:0/energy_uj", "12345");
        _tree.Put("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");

        var report = Report();

        Assert.Equal("Beelink MINI S12", report.Board);
        Assert.Equal("Intel(R) N100", report.Cpu);
        Assert.Equal(2, report.Cores);
        Assert.Equal(["rapl"], report.PowerSensors);
    }

    [Theory]
    [InlineData("0x41", "0xd08", "Cortex-A72")]
    [InlineData("0x41", "0xd42", "Cortex-A78AE")]
    [InlineData("0x4e", "0x004", "Carmel")]
    [InlineData("0x61", "0x022", "arm implementer 0x61 part 0x022")]
    public void CpuName_ArmCore_IsNamedByItsNumbers(string implementer, string part, string name) =>
        Assert.Equal(name, CpuInfo.Name([$"CPU implementer\t: {implementer}", $"CPU part\t: {part}"]));

    [Fact]
    public void Report_NothingCanBeRead_SaysUnknown()
    {
        var report = Report();
        Assert.Equal(("unknown", "unknown", "unknown"), (report.Board, report.Cpu, report.Os));
        Assert.Null(report.MaxClockMhz);
        Assert.Equal(Environment.ProcessorCount, report.Cores);
    }

    [Fact]
    public void Report_ThisMachine_NamesKernelsThatItCanRun()
    {
        var report = new HardwareProbe(new SystemFiles()).Report(_tree.Path);
        Assert.Contains(report.KernelSet, EdgeAgent.Int8.Kernels.KernelSet.All.Where(k => k.IsSupported).Select(k => k.Name));
        Assert.True(report.MemoryBytes > 0);
        Assert.NotEqual("unknown", report.Kernel);
    }

    [Fact]
    public void Roofline_OfTheSameKernels_IsMeasuredOnceAndKept()
    {
        var path = System.IO.Path.Combine(_tree.Path, "roofline.json");
        var measured = RooflineFile.LoadOrMeasure(path);
        Assert.Equal(EdgeAgent.Int8.Kernels.KernelSet.Default.Name, measured.KernelSet);
        var bytes = File.ReadAllBytes(path);

        Assert.Equal(measured.Int8GigaMacs, RooflineFile.LoadOrMeasure(path).Int8GigaMacs);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("""{"kernelSet":"another","int8GigaMacs":1,"float32GigaMacs":1,"reads":[],"copyGBps":1,"fillGBps":1}""")]
    public void Roofline_DamagedOrOfOtherKernels_IsMeasuredAgain(string content)
    {
        _tree.Put("/roofline.json", content);
        Assert.Equal(EdgeAgent.Int8.Kernels.KernelSet.Default.Name, RooflineFile.LoadOrMeasure(System.IO.Path.Combine(_tree.Path, "roofline.json")).KernelSet);
    }

    private HardwareReport Report() => new HardwareProbe(new SystemFiles(_tree.Path)).Report(_tree.Path);
}
