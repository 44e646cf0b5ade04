using System.IO.Compression;

namespace EdgeAgent.Inputs;

/// <summary>Files in a zip archive, read in place: nothing is extracted to disk.</summary>
internal sealed class ZipSource : IImageSource
{
    /// <summary>More files than any data set this tool is for, few enough that their names fit in memory.</summary>
    private const int MaxEntries = 5_000_000;

    private readonly string _path;
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _reading = new();

    public ZipSource(string path)
    {
        _path = path;
        FileStream? file = null;
        try
        {
            file = File.OpenRead(path);
            _archive = new ZipArchive(file, ZipArchiveMode.Read);
            Folders = Index();
        }
        catch (Exception fault)
        {
            _archive?.Dispose();
            file?.Dispose();
            if (fault is InputException)
                throw;
            if (fault is not (IOException or UnauthorizedAccessException or InvalidDataException))
                throw;
            throw new InputException($"{path}: cannot read the zip archive: {fault.Message.ReplaceLineEndings(" ")} Make it again, or give the unpacked folder.", fault);
        }
    }

    public IReadOnlyCollection<string> Files => _entries.Keys;

    public IReadOnlyCollection<string> Folders { get; }

    public byte[] Read(string file)
    {
        try
        {
            // One archive is one stream with one position; decoding, the larger part of the work, runs outside the lock.
            lock (_reading)
            {
                using var stream = _entries[file].Open();
                return BoundedStream.ReadExactly(stream, (int)_entries[file].Length);
            }
        }
        catch (Exception fault) when (fault is IOException or InvalidDataException)
        {
            throw new InputException($"{_path}: {file}: cannot read the entry: {fault.Message}", fault);
        }
    }

    public void Dispose() => _archive.Dispose();

    private HashSet<string> Index()
    {
        if (_archive.Entries.Count > MaxEntries)
            throw new InputException($"{_path}: {_archive.Entries.Count} entries are too many; at most {MaxEntries} are read");
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in _archive.Entries)
        {
            var name = entry.FullName.Replace('\\', '/');
            var isFolder = name.EndsWith('/');
            name = name.TrimEnd('/');
            if (name.Length == 0)
                continue;
            var parts = name.Split('/');
            if (parts.Any(part => part is "" or "." or "..") || parts[0].EndsWith(':'))
                throw new InputException($"{_path}: entry '{entry.FullName}' points outside the archive; make the archive again with relative names");
            if (entry.Length > ImageDecoder.MaxFileBytes)
                throw new InputException($"{_path}: entry '{name}' unpacks to {entry.Length} bytes; at most {ImageDecoder.MaxFileBytes} are read");
            for (var length = 1; length < parts.Length; length++)
                folders.Add(string.Join('/', parts[..length]));
            if (isFolder)
                folders.Add(name);
            else if (!_entries.TryAdd(name, entry))
                throw new InputException($"{_path}: entry '{name}' is there twice; make the archive again");
        }
        return folders;
    }
}
