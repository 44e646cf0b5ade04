using System.Buffers;
using System.Security.Cryptography;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Fleet.Hosting;

namespace EdgeAgent.Fleet.Artifacts;

/// <summary>
/// Files by their digest: <c>blobs/sha256/HEX</c>. A file is written beside, checked, flushed to the disk and renamed,
/// so that whatever stands under a digest has that digest. Thread-safe.
/// </summary>
internal sealed class BlobStore
{
    private readonly string _files;
    private readonly string _incoming;

    /// <param name="root">Is created; what an earlier process left unfinished is deleted.</param>
    public BlobStore(string root)
    {
        _files = Directory.CreateDirectory(Path.Combine(root, "sha256")).FullName;
        _incoming = Path.Combine(root, "incoming");
        if (Directory.Exists(_incoming))
            Directory.Delete(_incoming, recursive: true);
        Directory.CreateDirectory(_incoming);
    }

    public bool Contains(Sha256Digest digest) => File.Exists(PathOf(digest));

    /// <summary>Size in bytes, or null where there is no such blob.</summary>
    public long? SizeOf(Sha256Digest digest) => new FileInfo(PathOf(digest)) is { Exists: true } file ? file.Length : null;

    /// <summary>Stores the bytes of a stream, if they have the digest that they claim.</summary>
    /// <exception cref="RefusedException">400: they have not; 413: there are too many; 507: the disk is full.</exception>
    public async Task PutAsync(Sha256Digest digest, Stream content, long? length, CancellationToken cancellation)
    {
        if (length > PackageLimits.MaxFileBytes)
            throw TooLarge();
        if (Contains(digest))
            return;
        var partial = Path.Combine(_incoming, Path.GetRandomFileName());
        try
        {
            var actual = await ReceiveAsync(partial, content, length ?? 0, cancellation);
            if (actual != digest)
                throw RefusedException.BadRequest($"the bytes have the digest {actual}, not {digest}; nothing was stored");
            File.Move(partial, PathOf(digest), overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <summary>Reads at most <paramref name="buffer"/>'s length of a blob.</summary>
    /// <returns>Bytes read; less than the buffer only at the end of the blob.</returns>
    public int Read(Sha256Digest digest, long offset, Span<byte> buffer)
    {
        using var file = File.OpenHandle(PathOf(digest));
        var read = 0;
        while (read < buffer.Length && RandomAccess.Read(file, buffer[read..], offset + read) is > 0 and var count)
            read += count;
        return read;
    }

    private static async Task<Sha256Digest> ReceiveAsync(string path, Stream content, long expected, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(128 << 10);
        try
        {
            await using var file = Create(path, expected);
            long total = 0;
            while (await content.ReadAsync(buffer, cancellation) is > 0 and var count)
            {
                total += count;
                if (total > PackageLimits.MaxFileBytes)
                    throw TooLarge();
                hash.AppendData(buffer.AsSpan(0, count));
                Write(file, buffer.AsSpan(0, count));
            }
            Flush(file);
            return Sha256Digest.FromHash(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // A failure to read is the sender's, a failure to write the disk's: they are told apart by where they happen.
    private static FileStream Create(string path, long expected) => OnDisk(() => new FileStream(path, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.Write,
        // Reserved at once: a disk that is too full is noticed before the upload.
        PreallocationSize = expected,
        BufferSize = 0,
    }));

    private static void Write(FileStream file, ReadOnlySpan<byte> bytes)
    {
        try
        {
            file.Write(bytes);
        }
        catch (Exception e) when (IsOfTheDisk(e))
        {
            throw RefusedException.NoSpace("the blob store", e.Message);
        }
    }

    private static void Flush(FileStream file) => OnDisk(() =>
    {
        file.Flush(flushToDisk: true);
        return true;
    });

    private static T OnDisk<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (IsOfTheDisk(e))
        {
            throw RefusedException.NoSpace("the blob store", e.Message);
        }
    }

    /// <summary>.NET reports a file that a limit of the system does not allow (EFBIG) as an argument out of range.</summary>
    private static bool IsOfTheDisk(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    // A digest has no other characters than hexadecimal digits: it cannot lead out of the directory.
    private string PathOf(Sha256Digest digest) => Path.Combine(_files, digest.Hex);

    private static RefusedException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, $"a blob has at most {PackageLimits.MaxFileBytes} bytes");
}
