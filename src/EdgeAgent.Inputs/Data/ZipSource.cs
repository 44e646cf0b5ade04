using System.IO.Compression;

namespace EdgeAgent.Inputs;

/// <summary>Files in a zip archive, read in place: nothing is extracted to disk.</summary>
internal sealed class ZipSource : IImageSource
{
    private readonly string _path;
    private readonly ZipArchive _archive;
    private readonly ArchiveIndex<ZipArchiveEntry> _entries;
    private readonly Lock _reading = new();

    public ZipSource(string path)
    {
        (_path, _entries) = (path, new ArchiveIndex<ZipArchiveEntry>(path));
        FileStream? file = null;
        try
        {
            file = File.OpenRead(path);
            _archive = new ZipArchive(file, ZipArchiveMode.Read);
            foreach (var entry in _archive.Entries)
                _entries.Add(entry.FullName, entry.Length, entry);
        }
        catch (Exception fault)
        {
            _archive?.Dispose();
            file?.Dispose();
            if (fault is InputException)
                throw;
            if (fault is not (IOException or UnauthorizedAccessException or InvalidDataException))
                throw;
            throw new InputException($"{path}: cannot read the zip archive: {fault.Message} Make it again as .zip or .tar, or give the unpacked folder.", fault);
        }
    }

    public IReadOnlyCollection<string> Files => _entries.Files;

    public IReadOnlyCollection<string> Folders => _entries.Folders;

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
}
