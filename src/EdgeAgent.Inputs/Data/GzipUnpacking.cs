using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Inputs;

/// <summary>
/// A gzip file has no way to its middle, and training reads images in any order: it is unpacked once, into a file without a name
/// in the temporary folder, which is gone when it is closed or the process ends, however that happens.
/// </summary>
internal static class GzipUnpacking
{
    /// <summary>What must stay free on the disk of the temporary folder.</summary>
    private const long MinFreeBytes = 256L << 20;

    private const int BufferBytes = 1 << 20, BuffersBetweenChecks = 64;

    /// <exception cref="InputException">Not a gzip file, cut off, or more than fits; one line.</exception>
    public static SafeFileHandle Unpack(string path)
    {
        var folder = Path.GetTempPath();
        var temporary = Path.Combine(folder, $"edgeagent-{Guid.NewGuid():N}.tar");
        SafeFileHandle? target = null;
        try
        {
            target = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);
            // Without a name nothing is left behind even by SIGKILL; where an open file cannot be deleted, closing does it.
            if (!OperatingSystem.IsWindows())
                File.Delete(temporary);
            using var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            var disk = new DriveInfo(folder);
            var buffer = new byte[BufferBytes];
            long written = 0;
            for (var i = 0; ; i++)
            {
                if (i % BuffersBetweenChecks == 0 && disk.AvailableFreeSpace < MinFreeBytes)
                    throw new InputException($"{path}: unpacks to more than {written >> 20} MB, and {folder} has no room for it; set TMPDIR to a folder with room, or unpack it yourself (gunzip) and give the .tar");
                var read = packed.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
                if (read == 0)
                    return target;
                RandomAccess.Write(target, buffer.AsSpan(0, read), written);
                written += read;
            }
        }
        catch (Exception fault)
        {
            target?.Dispose();
            if (fault is not (InvalidDataException or IOException or UnauthorizedAccessException))
                throw;
            throw new InputException($"{path}: cannot unpack the gzip file: {fault.Message}; copy or make it again", fault);
        }
    }
}
