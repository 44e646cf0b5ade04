using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device.Mqtt;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Deployment;

/// <summary>
/// Brings a package to the device: its envelope first, then, once that is verified, the files its engine needs, chunk by
/// chunk, several at a time, each checked against the signed manifest as it comes.
/// </summary>
internal sealed class PackageDownload(BlobClient blobs, ContentStore content)
{
    /// <summary>Chunks in flight at a time.</summary>
    private const int Window = 6;

    /// <summary>How often a chunk with the wrong digest is asked for again before the package is refused.</summary>
    private const int MaxTampered = 3;

    /// <summary>Fetches the envelope of a package; nothing in it is trusted yet.</summary>
    /// <exception cref="PackageRefusedException">It is no envelope or too large.</exception>
    /// <exception cref="BlobUnavailableException">The controller does not deliver it.</exception>
    public async Task<SignedEnvelope> EnvelopeAsync(Sha256Digest digest, CancellationToken cancellation)
    {
        using var json = new MemoryStream();
        long size;
        do
        {
            var piece = await blobs.FetchAsync(digest, json.Length, PackageLimits.MaxChunkBytes, cancellation);
            size = piece.BlobSize;
            if (size is < 1 or > PackageLimits.MaxEnvelopeBytes || piece.Bytes.Length == 0)
                throw new PackageRefusedException(PackageRefusal.Malformed, $"the envelope of {digest} has {size} bytes; 1 to {PackageLimits.MaxEnvelopeBytes} are allowed");
            json.Write(piece.Bytes);
        }
        while (json.Length < size);
        return PackageVerifier.ReadEnvelope(json.GetBuffer().AsSpan(0, (int)json.Length));
    }

    /// <summary>The files that the engine of a package needs on this device.</summary>
    /// <exception cref="PackageRefusedException">One of them is missing.</exception>
    public static IReadOnlyList<PackageFile> Needed(Manifest manifest) =>
        [.. FileRoles.For(manifest.Engine).Select(role => manifest.File(role)
            ?? throw new PackageRefusedException(PackageRefusal.Malformed, $"package {manifest.Student} is for engine {manifest.Engine} and holds no {role}"))];

    /// <summary>Bytes of the files that are here.</summary>
    public long ReceivedBytes(IReadOnlyList<PackageFile> files) => files.Sum(file => PartialFile.ReceivedBytes(content, file));

    /// <param name="files">What is to be fetched.</param>
    /// <param name="free">Free bytes where they go.</param>
    /// <exception cref="NoSpaceException">The files do not fit.</exception>
    public void CheckSpace(IReadOnlyList<PackageFile> files, long free)
    {
        var needed = files.Sum(file => file.Size) - ReceivedBytes(files);
        if (needed + DiskSpace.MarginBytes > free)
            throw new NoSpaceException($"no disk space: {needed} bytes and a margin of {DiskSpace.MarginBytes} are needed, {free} are free in {content.Root}; free some space there");
    }

    /// <param name="files">Files to fetch; what is here already is not fetched again.</param>
    /// <param name="progress">Called with the share of the bytes that are here, from any thread.</param>
    /// <param name="cancellation">Stops; what came so far stays.</param>
    /// <exception cref="PackageRefusedException">A chunk is not the one that the manifest names.</exception>
    /// <exception cref="BlobUnavailableException">The controller does not deliver a chunk.</exception>
    public async Task FilesAsync(IReadOnlyList<PackageFile> files, Action<double> progress, CancellationToken cancellation)
    {
        var total = files.Sum(file => file.Size);
        var received = ReceivedBytes(files);
        progress((double)received / total);
        foreach (var file in files.Where(file => !content.Contains(file)))
        {
            using var partial = PartialFile.Open(content, file);
            var options = new ParallelOptions { MaxDegreeOfParallelism = Window, CancellationToken = cancellation };
            await Parallel.ForEachAsync(partial.Missing(), options, async (index, token) =>
            {
                var chunk = await ChunkAsync(file, index, token);
                partial.Write(index, chunk);
                FaultPoint.ReachChunk();
                progress((double)Interlocked.Add(ref received, chunk.Length) / total);
            });
        }
    }

    private async Task<byte[]> ChunkAsync(PackageFile file, int index, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            var piece = await blobs.FetchAsync(file.Digest, (long)index * file.ChunkBytes, file.ChunkLength(index), cancellation);
            if (Sha256Digest.Of(piece.Bytes) == file.Chunks[index])
                return piece.Bytes;
            if (attempt == MaxTampered)
                throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"chunk {index} of {file.Path} is not the one that the manifest names, {MaxTampered} times in a row");
        }
    }

    /// <summary>An envelope kept beside the deployment's record, so that a restart needs no network to go on.</summary>
    public static SignedEnvelope? LoadEnvelope(string path, Sha256Digest digest)
    {
        if (DurableFile.Read(path) is not { } json)
            return null;
        try
        {
            return PackageVerifier.ReadEnvelope(json) is { } envelope && envelope.Digest == digest ? envelope : null;
        }
        catch (PackageRefusedException)
        {
            return null;
        }
    }

    public static void SaveEnvelope(string path, SignedEnvelope envelope) =>
        DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(envelope, ContractsJson.Default.SignedEnvelope));
}

/// <summary>The disk is too small; the message is one line.</summary>
internal sealed class NoSpaceException(string message) : Exception(message);
