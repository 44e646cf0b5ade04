using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Inputs;

/// <summary>Files in a tar archive, read in place: one pass finds where each lies, then any of them is one read away.</summary>
internal sealed class TarSource : IImageSource
{
    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly ArchiveIndex<TarPlace> _index;

    /// <param name="path">For messages: the archive the user named.</param>
    /// <param name="file">The archive, not compressed; closed with this.</param>
    public TarSource(string path, SafeFileHandle file)
    {
        (_path, _file) = (path, file);
        try
        {
            _index = TarIndexer.Run(path, file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot read the tar archive: {fault.Message}", fault);
        }
    }

    public IReadOnlyCollection<string> Files => _index.Files;

    public IReadOnlyCollection<string> Folders => _index.Folders;

    public byte[] Read(string file)
    {
        var place = _index[file];
        var bytes = new byte[place.Length];
        try
        {
            for (var done = 0; done < bytes.Length;)
            {
                var read = RandomAccess.Read(_file, bytes.AsSpan(done), place.Offset + done);
                if (read == 0)
                    throw new InputException($"{_path}: {file}: the archive became shorter while it was read; keep the data unchanged");
                done += read;
            }
            return bytes;
        }
        catch (IOException fault)
        {
            throw new InputException($"{_path}: {file}: cannot read the entry: {fault.Message}", fault);
        }
    }

    public void Dispose() => _file.Dispose();
}
