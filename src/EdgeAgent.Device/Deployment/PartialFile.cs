using System.Buffers.Binary;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Device.Deployment;

/// <summary>
/// A file that is being downloaded and a bitmap of its chunks. A bit is written only after its chunk was flushed, so a
/// bit on disk means a chunk on disk, whenever the power goes. Thread-safe.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    /// <summary>Chunks between two flushes: as many may have to be fetched again after a crash.</summary>
    public const int FlushEvery = 8;

    private readonly ContentStore _content;
    private readonly SafeFileHandle _data;
    private readonly SafeFileHandle _map;
    private readonly byte[] _bits;
    private readonly List<int> _unflushed = [];
    private readonly Lock _lock = new();

    private PartialFile(ContentStore content, PackageFile file, SafeFileHandle data, SafeFileHandle map, byte[] bits)
    {
        (_content, File, _data, _map, _bits) = (content, file, data, map, bits);
    }

    public PackageFile File { get; }

    /// <summary>Opens a download where it stopped, or begins it.</summary>
    public static PartialFile Open(ContentStore content, PackageFile file)
    {
        var bits = Bits(content, file);
        var data = System.IO.File.OpenHandle(content.PartialPath(file.Digest), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var map = System.IO.File.OpenHandle(content.BitmapPath(file.Digest), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (RandomAccess.GetLength(data) != file.Size || RandomAccess.GetLength(map) != bits.Length)
        {
            Array.Clear(bits);
            RandomAccess.SetLength(data, file.Size);
            RandomAccess.SetLength(map, 0);
            RandomAccess.Write(map, bits, 0);
            RandomAccess.FlushToDisk(map);
            Posix.FlushDirectory(content.Root);
        }
        return new PartialFile(content, file, data, map, bits);
    }

    /// <summary>Bytes of a file that are on disk, downloaded wholly or in part.</summary>
    public static long ReceivedBytes(ContentStore content, PackageFile file)
    {
        if (content.Contains(file))
            return file.Size;
        var bits = Bits(content, file);
        long bytes = 0;
        for (var i = 0; i < file.Chunks.Count; i++)
            if (IsSet(bits, i))
                bytes += file.ChunkLength(i);
        return bytes;
    }

    /// <summary>Chunks that are still to be fetched, in order.</summary>
    public IReadOnlyList<int> Missing()
    {
        lock (_lock)
            return [.. Enumerable.Range(0, File.Chunks.Count).Where(i => !IsSet(_bits, i))];
    }

    /// <summary>Takes a chunk whose digest was checked.</summary>
    public void Write(int index, ReadOnlySpan<byte> chunk)
    {
        lock (_lock)
        {
            RandomAccess.Write(_data, chunk, (long)index * File.ChunkBytes);
            _unflushed.Add(index);
            if (_unflushed.Count >= FlushEvery)
                FlushLocked();
        }
    }

    public void Flush()
    {
        lock (_lock)
            FlushLocked();
    }

    /// <summary>Checks the whole file and gives it its own name; a file that is not the one named is deleted.</summary>
    /// <exception cref="PackageRefusedException">The bytes do not have the digest.</exception>
    public static void Finish(ContentStore content, PackageFile file)
    {
        if (!content.Contains(file))
        {
            var partial = content.PartialPath(file.Digest);
            if (Sha256Digest.OfFile(partial) != file.Digest)
            {
                Delete(content, file);
                throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"file {file.Path} does not have the digest {file.Digest} that the manifest names");
            }
            Posix.Rename(partial, content.Path(file.Digest));
        }
        Delete(content, file);
        Posix.FlushDirectory(content.Root);
    }

    public void Dispose()
    {
        try
        {
            Flush();
        }
        catch (IOException)
        {
            // The disk is full or gone: the bitmap says less than is there, which costs a chunk fetched twice.
        }
        _data.Dispose();
        _map.Dispose();
    }

    private static void Delete(ContentStore content, PackageFile file)
    {
        System.IO.File.Delete(content.PartialPath(file.Digest));
        System.IO.File.Delete(content.BitmapPath(file.Digest));
    }

    private void FlushLocked()
    {
        if (_unflushed.Count == 0)
            return;
        RandomAccess.FlushToDisk(_data);
        foreach (var index in _unflushed)
            _bits[index / 8] |= (byte)(1 << (index % 8));
        _unflushed.Clear();
        RandomAccess.Write(_map, _bits, 0);
        RandomAccess.FlushToDisk(_map);
    }

    private static byte[] Bits(ContentStore content, PackageFile file)
    {
        var length = (file.Chunks.Count + 7) / 8;
        var bits = DurableFile.Read(content.BitmapPath(file.Digest));
        return bits?.Length == length ? bits : new byte[length];
    }

    private static bool IsSet(byte[] bits, int index) => (bits[index / 8] & (1 << (index % 8))) != 0;
}
