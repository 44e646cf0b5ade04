using EdgeAgent.Fleet.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace EdgeAgent.Fleet.Storage;

/// <summary>
/// The way into the database. Reads run side by side; writes are transactions, one at a time: SQLite has one writer,
/// and waiting here is cheaper than being told "busy" there. Thread-safe.
/// </summary>
internal sealed class FleetStore : IDisposable
{
    private readonly PooledDbContextFactory<FleetDatabase> _contexts;
    private readonly SemaphoreSlim _writer = new(1, 1);

    private readonly string _connection;

    private FleetStore(PooledDbContextFactory<FleetDatabase> contexts, string connection) => (_contexts, _connection) = (contexts, connection);

    /// <summary>Opens the database, creates it or brings it to this version's schema.</summary>
    /// <exception cref="FleetStartException">It cannot be used; one line.</exception>
    public static async Task<FleetStore> OpenAsync(string path, CancellationToken cancellation)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, ForeignKeys = true }.ToString();
        var options = new DbContextOptionsBuilder<FleetDatabase>().UseSqlite(connection).Options;
        var contexts = new PooledDbContextFactory<FleetDatabase>(options);
        try
        {
            await using var database = await contexts.CreateDbContextAsync(cancellation);
            var known = database.Database.GetMigrations().ToHashSet();
            var unknown = (await database.Database.GetAppliedMigrationsAsync(cancellation)).FirstOrDefault(m => !known.Contains(m));
            if (unknown is not null)
                throw new FleetStartException($"{path} was written by a newer edge-fleet (schema {unknown}); start that version, or another --data directory");
            // Readers go on while something is written, and the setting stays with the file.
            await database.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL", cancellation);
            await database.Database.MigrateAsync(cancellation);
        }
        catch (SqliteException e)
        {
            throw new FleetStartException($"{path} cannot be used as a database ({e.Message.ReplaceLineEndings(" ")}); restore it, or start with another --data directory");
        }
        return new FleetStore(contexts, connection);
    }

    public async Task<T> ReadAsync<T>(Func<FleetDatabase, Task<T>> read, CancellationToken cancellation)
    {
        await using var database = await _contexts.CreateDbContextAsync(cancellation);
        database.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        return await read(database);
    }

    /// <summary>Runs <paramref name="write"/> in one transaction; what it changed is saved when it returns, or nothing is.</summary>
    public async Task<T> WriteAsync<T>(Func<FleetDatabase, Task<T>> write, CancellationToken cancellation)
    {
        await _writer.WaitAsync(cancellation);
        try
        {
            await using var database = await _contexts.CreateDbContextAsync(cancellation);
            // Contexts are pooled: an earlier transaction may have failed before it told anything.
            database.AfterCommit.Clear();
            await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
            var result = await write(database);
            await database.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
            foreach (var tell in database.AfterCommit)
                tell();
            return result;
        }
        finally
        {
            _writer.Release();
        }
    }

    public Task WriteAsync(Func<FleetDatabase, Task> write, CancellationToken cancellation) =>
        WriteAsync(async database =>
        {
            await write(database);
            return true;
        }, cancellation);

    public void Dispose()
    {
        _writer.Dispose();
        // Pooled connections hold the file open.
        using var connection = new SqliteConnection(_connection);
        SqliteConnection.ClearPool(connection);
    }
}
