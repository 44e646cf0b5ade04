namespace EdgeAgent.Contracts.Artifacts;

/// <summary>Describes a file for a manifest, and checks bytes against such a description.</summary>
public static class PackageFileBuilder
{
    public static PackageFile Describe(string role, string path, ReadOnlySpan<byte> content, int chunkBytes = PackageLimits.DefaultChunkBytes)
    {
        var chunks = new Sha256Digest[(content.Length + chunkBytes - 1) / chunkBytes];
        for (var i = 0; i < chunks.Length; i++)
            chunks[i] = Sha256Digest.Of(content.Slice(i * chunkBytes, Math.Min(chunkBytes, content.Length - i * chunkBytes)));
        return new PackageFile(role, path, Sha256Digest.Of(content), content.Length, chunkBytes, chunks);
    }

    /// <summary>Length of chunk <paramref name="index"/> in bytes.</summary>
    public static int ChunkLength(this PackageFile file, int index) =>
        (int)Math.Min(file.ChunkBytes, file.Size - (long)index * file.ChunkBytes);
}
