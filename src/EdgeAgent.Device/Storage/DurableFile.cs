namespace EdgeAgent.Device.Storage;

/// <summary>Files that are whole after a power cut: temporary file, flush, rename, flush of the folder.</summary>
internal static class DurableFile
{
    private const string TemporarySuffix = ".tmp";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <param name="path">Replaced in one step; readers see the old content or the new one.</param>
    /// <param name="content">The whole new content.</param>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + TemporarySuffix;
        File.Delete(temporary);
        using (var handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            // Every file of the agent is its own: one of them holds the device's secret.
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(handle, OwnerOnly);
            RandomAccess.Write(handle, content, 0);
            RandomAccess.FlushToDisk(handle);
        }
        Posix.Rename(temporary, path);
        Posix.FlushDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>The content, or null where there is no such file.</summary>
    public static byte[]? Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
