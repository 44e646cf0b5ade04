namespace EdgeAgent.Inputs;

/// <summary>Names of an archive's entries and where each lies; refuses what would not stay inside of it.</summary>
/// <param name="path">Of the archive, for messages.</param>
internal sealed class ArchiveIndex<T>(string path)
{
    /// <summary>More files than any data set this tool is for, few enough that their names fit in memory.</summary>
    private const int MaxEntries = 5_000_000;

    private readonly Dictionary<string, T> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);

    public IReadOnlyCollection<string> Files => _files.Keys;

    public IReadOnlyCollection<string> Folders => _folders;

    public T this[string file] => _files[file];

    /// <param name="name">As the archive has it, with '/' or '\'; one that ends in it is a folder.</param>
    /// <param name="length">Bytes that the entry unpacks to.</param>
    /// <exception cref="InputException">It points outside, is too large, or there twice, or there are too many.</exception>
    public void Add(string name, long length, T place)
    {
        var plain = name.Replace('\\', '/');
        // What `tar -C folder .` writes, its first entry being "./" alone.
        while (plain.StartsWith("./", StringComparison.Ordinal))
            plain = plain[2..];
        var isFolder = plain.EndsWith('/');
        plain = plain.TrimEnd('/');
        if (plain is "" or ".")
            return;
        var parts = plain.Split('/');
        if (parts.Any(part => part is "" or "." or "..") || parts[0].EndsWith(':'))
            throw new InputException($"{path}: entry '{name}' points outside the archive; make the archive again with relative names");
        if (length > ImageDecoder.MaxFileBytes)
            throw new InputException($"{path}: entry '{plain}' unpacks to {length} bytes; at most {ImageDecoder.MaxFileBytes} are read");
        for (var end = plain.IndexOf('/'); end >= 0; end = plain.IndexOf('/', end + 1))
            _folders.Add(plain[..end]);
        if (isFolder)
            _folders.Add(plain);
        else if (!_files.TryAdd(plain, place))
            throw new InputException($"{path}: entry '{plain}' is there twice; make the archive again");
        if (_files.Count + _folders.Count > MaxEntries)
            throw new InputException($"{path}: it has more than {MaxEntries} entries; at most so many are read");
    }
}
