using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Inputs;

/// <summary>Opens folders and archives of images, and decodes what is in them.</summary>
internal static class ImageSources
{
    /// <exception cref="InputException">Nothing there, not a folder, zip or tar, or an unsafe archive.</exception>
    public static IImageSource Open(string path)
    {
        if (Directory.Exists(path))
            return new FolderSource(path);
        if (!File.Exists(path))
            throw new InputException($"{path}: no such folder or file; give a folder of class folders, or a .zip, .tar or .tar.gz of one");
        return OpenArchive(path);
    }

    /// <param name="fault">Why there is no image.</param>
    public static RgbImage? Decode(IImageSource source, string file, out string? fault)
    {
        try
        {
            fault = null;
            return ImageDecoder.Decode(source.Read(file));
        }
        catch (InputException reason)
        {
            fault = reason.Message;
            return null;
        }
    }

    /// <summary>By what the file begins with: names say little.</summary>
    private static IImageSource OpenArchive(string path)
    {
        SafeFileHandle? tar = null;
        try
        {
            tar = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
            var start = new byte[TarHeader.BlockSize];
            var read = RandomAccess.Read(tar, start, 0);
            if (start is [0x1F, 0x8B, ..])
            {
                tar.Dispose();
                tar = GzipUnpacking.Unpack(path);
            }
            else if (read < start.Length || !TarHeader.TryRead(start, out _))
            {
                tar.Dispose();
                // The zip's own messages are right for whatever else it may be.
                return new ZipSource(path);
            }
            return new TarSource(path, tar);
        }
        catch (Exception fault)
        {
            tar?.Dispose();
            if (fault is not (IOException or UnauthorizedAccessException))
                throw;
            throw new InputException($"{path}: cannot be opened: {fault.Message}", fault);
        }
    }
}
