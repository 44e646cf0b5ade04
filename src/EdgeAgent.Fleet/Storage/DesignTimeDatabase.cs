using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace EdgeAgent.Fleet.Storage;

/// <summary>Lets <c>Migrations=true dotnet ef migrations add NAME -o Storage/Migrations</c> make migrations without a running controller.</summary>
internal sealed class DesignTimeDatabase : IDesignTimeDbContextFactory<FleetDatabase>
{
    public FleetDatabase CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<FleetDatabase>().UseSqlite().Options);
}
