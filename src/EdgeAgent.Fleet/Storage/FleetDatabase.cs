using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace EdgeAgent.Fleet.Storage;

/// <summary>Everything the controller knows. Its schema changes by migrations only, so that a database survives upgrades.</summary>
internal sealed class FleetDatabase(DbContextOptions<FleetDatabase> options) : DbContext(options)
{
    public DbSet<DeviceRow> Devices => Set<DeviceRow>();

    public DbSet<DesiredRow> Desired => Set<DesiredRow>();

    public DbSet<TokenRow> Tokens => Set<TokenRow>();

    public DbSet<VerifyingKeyRow> VerifyingKeys => Set<VerifyingKeyRow>();

    public DbSet<ProfileRow> Profiles => Set<ProfileRow>();

    public DbSet<PackageRow> Packages => Set<PackageRow>();

    public DbSet<PackageFileRow> PackageFiles => Set<PackageFileRow>();

    public DbSet<RolloutRow> Rollouts => Set<RolloutRow>();

    public DbSet<RolloutWaveRow> RolloutWaves => Set<RolloutWaveRow>();

    public DbSet<RolloutDeviceRow> RolloutDevices => Set<RolloutDeviceRow>();

    public DbSet<ReportRow> Reports => Set<ReportRow>();

    public DbSet<CostModelRow> CostModels => Set<CostModelRow>();

    /// <summary>What is told once the transaction is committed: before that, it may not come true.</summary>
    public List<Action> AfterCommit { get; } = [];

    protected override void ConfigureConventions(ModelConfigurationBuilder configuration)
    {
        configuration.Properties<DeviceId>().HaveConversion<DeviceIdText>();
        configuration.Properties<Sha256Digest>().HaveConversion<DigestText>();
        // SQLite has no type for points in time that it can order.
        configuration.Properties<DateTimeOffset>().HaveConversion<UnixMilliseconds>();
        configuration.Properties<Enum>().HaveConversion<string>();
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<DeviceRow>().HasIndex(d => d.Profile);
        model.Entity<DesiredRow>().HasKey(d => new { d.Device, d.Model });
        model.Entity<TokenRow>().HasKey(t => t.Hash);
        model.Entity<VerifyingKeyRow>().HasKey(k => k.KeyId);
        model.Entity<PackageRow>(package =>
        {
            package.HasKey(p => p.Digest);
            package.HasIndex(p => new { p.Model, p.Profile, p.Version });
            package.HasMany(p => p.Files).WithOne().HasForeignKey(f => f.Package);
        });
        model.Entity<PackageFileRow>().HasKey(f => new { f.Package, f.Role });
        model.Entity<RolloutRow>(rollout =>
        {
            rollout.HasIndex(r => new { r.Model, r.Started });
            rollout.HasMany(r => r.Waves).WithOne().HasForeignKey(w => w.Rollout);
            rollout.HasMany(r => r.Choices).WithOne().HasForeignKey(c => c.Rollout);
        });
        model.Entity<RolloutWaveRow>().HasKey(w => new { w.Rollout, w.Index });
        model.Entity<RolloutChoiceRow>().HasKey(c => new { c.Rollout, c.Profile });
        model.Entity<RolloutDeviceRow>(device =>
        {
            device.HasKey(d => new { d.Rollout, d.Device });
            device.HasIndex(d => new { d.Rollout, d.Wave, d.State });
            device.HasIndex(d => d.Device);
            device.HasOne<RolloutRow>().WithMany().HasForeignKey(d => d.Rollout);
        });
        model.Entity<ReportRow>(report =>
        {
            report.HasIndex(r => new { r.Device, r.SpoolId, r.Sequence }).IsUnique();
            report.HasIndex(r => r.Model);
            report.HasIndex(r => new { r.FitProfile, r.Engine, r.KernelSet, r.Threads });
        });
        model.Entity<CostModelRow>().HasKey(c => new { c.Profile, c.Engine, c.KernelSet, c.Threads });
    }

    private sealed class DeviceIdText() : ValueConverter<DeviceId, string>(id => id.Value, text => DeviceId.Parse(text));

    private sealed class DigestText() : ValueConverter<Sha256Digest, string>(digest => digest.ToString(), text => Sha256Digest.Parse(text));

    private sealed class UnixMilliseconds() : ValueConverter<DateTimeOffset, long>(time => time.ToUnixTimeMilliseconds(), ms => DateTimeOffset.FromUnixTimeMilliseconds(ms));
}
