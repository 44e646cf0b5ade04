using System.Globalization;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Device.Hardware;
using EdgeAgent.Device.Power;

namespace EdgeAgent.Tests.Device;

/// <summary>On a powercap tree as an Intel N100 shows it: one package, its core domain, and the same package over MMIO.</summary>
public sealed class PowerTests : IDisposable
{
    private const string Package = "/sys/class/powercap/intel-rapl:0";
    private const long Range = 262143328850;
    private readonly TemporaryFolder _tree = new();

    public PowerTests()
    {
        Domain(Package, "package-0", 1000, Range);
        Domain("/sys/class/powercap/intel-rapl:0:0", "core", 400, Range);
        Domain("/sys/class/powercap/intel-rapl-mmio:0", "package-0", 1000, Range);
        Domain("/sys/class/powercap/intel-rapl:1", "psys", 9000, Range);
        _tree.Put("/sys/class/powercap/intel-rapl/enabled", "1");
    }

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void Find_N100Tree_CountsThePackageOnce()
    {
        var sensor = RaplSensor.Find(new SystemFiles(_tree.Path));
        Assert.NotNull(sensor);
        Assert.Equal([1000], sensor.Read().CountersUj);
    }

    [Fact]
    public void Find_NoPowercap_IsNull()
    {
        using var empty = new TemporaryFolder();
        Assert.Null(RaplSensor.Find(new SystemFiles(empty.Path)));
    }

    [Fact]
    public void Find_CounterThatCannotBeRead_IsNull()
    {
        // Not by mode bits: tests may run as root.
        File.Delete(Path.Combine(_tree.Path, Package[1..], "energy_uj"));
        Directory.CreateDirectory(Path.Combine(_tree.Path, Package[1..], "energy_uj"));
        Assert.Null(RaplSensor.Find(new SystemFiles(_tree.Path)));
    }

    [Fact]
    public void BetweenMj_TwoPackages_AddsThem()
    {
        Domain("/sys/class/powercap/intel-rapl:1", "package-1", 50, Range);
        var sensor = RaplSensor.Find(new SystemFiles(_tree.Path))!;
        var before = sensor.Read();
        Count(Package, 3000);
        Count("/sys/class/powercap/intel-rapl:1", 5050);
        Assert.Equal(7, sensor.BetweenMj(before, sensor.Read()));
    }

    [Fact]
    public void BetweenMj_CounterWrapped_IsTheDistanceOverTheEnd()
    {
        Count(Package, Range - 999);
        var sensor = RaplSensor.Find(new SystemFiles(_tree.Path))!;
        var before = sensor.Read();
        Count(Package, 2000);
        // 999 to the end of the range, one step to zero, 2000 more.
        Assert.Equal(3.0, sensor.BetweenMj(before, sensor.Read()));
    }

    [Fact]
    public async Task Measure_ConstantLoadAcrossTheWrap_GivesGrossAndNet()
    {
        // 2 W idle; an inference takes 10 ms and 50 mJ in all. The counter wraps in the middle.
        var counter = Range - 60_000_000;
        Count(Package, counter);
        var time = new InstantTime();
        void Use(double microjoules) => Count(Package, counter = (counter + (long)microjoules) % (Range + 1));
        time.Passed = elapsed => Use(elapsed.TotalSeconds * 2e6);
        var meter = new EnergyMeter(RaplSensor.Find(new SystemFiles(_tree.Path))!, new EnergyOptions(TimeSpan.FromSeconds(10), 5, 0.2), time);

        var (reading, rejected) = await meter.MeasureAsync(() => { time.Advance(TimeSpan.FromMilliseconds(10)); Use(30_000); }, TestContext.Current.CancellationToken);

        Assert.Null(rejected);
        Assert.NotNull(reading);
        Assert.Equal(EnergySource.Measured, reading.Source);
        Assert.Equal("rapl", reading.Sensor);
        Assert.Equal(50, reading.Mj, 6);
        Assert.Equal(30, reading.NetMj!.Value, 6);
        Assert.Equal(0, reading.SpreadMj!.Value, 6);
    }

    [Fact]
    public async Task Measure_IdlePowerDrifts_IsRejectedWithTheReason()
    {
        long counter = 1000;
        var time = new InstantTime();
        var idleWindows = 0;
        time.Passed = elapsed =>
        {
            if (elapsed < TimeSpan.FromSeconds(1))
                return;
            Count(Package, counter += (long)(elapsed.TotalSeconds * 1e6 * (idleWindows++ == 0 ? 2 : 4)));
        };
        var meter = new EnergyMeter(RaplSensor.Find(new SystemFiles(_tree.Path))!, new EnergyOptions(TimeSpan.FromSeconds(10), 2, 0.2), time);
        var (reading, rejected) = await meter.MeasureAsync(() => time.Advance(TimeSpan.FromMilliseconds(100)), TestContext.Current.CancellationToken);
        Assert.Null(reading);
        Assert.Equal("idle power drifted from 2.00 W to 4.00 W", rejected);
    }

    [Fact]
    public void Estimate_Always_SaysSo()
    {
        var reading = EnergyMeter.Estimate(latencyUs: 2500, activeW: 8);
        Assert.Equal(new EnergyReading(20, null, EnergySource.Estimated, null, null), reading);
    }

    private void Domain(string path, string name, long counter, long range)
    {
        _tree.Put(path + "/name", name);
        _tree.Put(path + "/max_energy_range_uj", range.ToString(CultureInfo.InvariantCulture));
        Count(path, counter);
    }

    private void Count(string path, long microjoules) => _tree.Put(path + "/energy_uj", microjoules.ToString(CultureInfo.InvariantCulture));
}
