using System.Buffers.Text;
using System.Security.Cryptography;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>The controller's directory, held by one process at a time.</summary>
internal sealed class DataDirectory : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream holder) => (Path, _lock) = (path, holder);

    public string Path { get; }

    public string Database => System.IO.Path.Combine(Path, "fleet.db");

    public string Blobs => System.IO.Path.Combine(Path, "blobs");

    public string AdminTokenFile => System.IO.Path.Combine(Path, "admin.token");

    /// <exception cref="FleetStartException">The directory cannot be written, or another controller uses it.</exception>
    public static DataDirectory Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            // The database holds what a thief of secrets wants: nobody else looks in.
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(path);
            else
                Directory.CreateDirectory(path, Private | UnixFileMode.UserExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, e);
        }
        var lockFile = System.IO.Path.Combine(path, "fleet.lock");
        try
        {
            return new DataDirectory(path, new FileStream(lockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException) when (File.Exists(lockFile))
        {
            throw new FleetStartException($"{path} is used by another edge-fleet; stop that one, or start with another --data directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, e);
        }
    }

    /// <summary>The administrator's token; made at the first start, readable by the owner only.</summary>
    /// <exception cref="FleetStartException">The file cannot be written or is empty.</exception>
    public string AdminToken()
    {
        try
        {
            if (!File.Exists(AdminTokenFile))
            {
                var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
                if (!OperatingSystem.IsWindows())
                    options.UnixCreateMode = Private;
                var partial = AdminTokenFile + ".partial";
                File.Delete(partial);
                using (var file = new StreamWriter(partial, options))
                    file.WriteLine(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
                File.Move(partial, AdminTokenFile);
            }
            var token = File.ReadAllText(AdminTokenFile).Trim();
            return token.Length >= 32
                ? token
                : throw new FleetStartException($"{AdminTokenFile} holds no token of at least 32 characters; delete it to get a new one");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(Path, e);
        }
    }

    public void Dispose() => _lock.Dispose();

    private static FleetStartException NotWritable(string path, Exception e) =>
        new($"the data directory {path} cannot be written ({e.Message.ReplaceLineEndings(" ")}); give a writable one with --data DIR");
}
