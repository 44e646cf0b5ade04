namespace EdgeAgent.Inputs;

/// <summary>Files below a folder of the file system.</summary>
internal sealed class FolderSource : IImageSource
{
    private readonly string _root;

    public FolderSource(string root)
    {
        _root = Path.GetFullPath(root);
        // A depth limit ends loops of links; class folders need two levels, three with a top folder.
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 8, AttributesToSkip = FileAttributes.Hidden };
        var files = new List<string>();
        var folders = new List<string>();
        try
        {
            foreach (var entry in new DirectoryInfo(_root).EnumerateFileSystemInfos("*", options))
                (entry is DirectoryInfo ? folders : files).Add(Path.GetRelativePath(_root, entry.FullName).Replace(Path.DirectorySeparatorChar, '/'));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{root}: cannot list the folder: {fault.Message}", fault);
        }
        (Files, Folders) = (files, folders);
    }

    public IReadOnlyCollection<string> Files { get; }

    public IReadOnlyCollection<string> Folders { get; }

    public byte[] Read(string file)
    {
        try
        {
            using var stream = File.OpenRead(Path.Combine(_root, file));
            if (stream.Length > ImageDecoder.MaxFileBytes)
                throw new InputException($"{file}: {stream.Length} bytes are too many for an image; at most {ImageDecoder.MaxFileBytes} are read");
            return BoundedStream.ReadExactly(stream, (int)stream.Length);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new InputException($"{file}: cannot read the file: {fault.Message}", fault);
        }
    }

    public void Dispose()
    {
    }
}
