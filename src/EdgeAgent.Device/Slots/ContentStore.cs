using EdgeAgent.Contracts.Artifacts;

namespace EdgeAgent.Device.Slots;

/// <summary>Files by their digest. A file under its own name is whole and checked; a partial one has a suffix.</summary>
internal sealed class ContentStore(string root)
{
    public const string PartialSuffix = ".part";
    public const string BitmapSuffix = ".map";

    public string Root => root;

    public string Path(Sha256Digest digest) => System.IO.Path.Combine(root, digest.Hex);

    public string PartialPath(Sha256Digest digest) => Path(digest) + PartialSuffix;

    public string BitmapPath(Sha256Digest digest) => Path(digest) + BitmapSuffix;

    /// <summary>Whether the file is here under its own name, with the right size.</summary>
    public bool Contains(PackageFile file) => new FileInfo(Path(file.Digest)) is { Exists: true } info && info.Length == file.Size;

    /// <summary>Whether the bytes on disk are those that the digest names: flash decays.</summary>
    public bool IsIntact(PackageFile file) => Contains(file) && Sha256Digest.OfFile(Path(file.Digest)) == file.Digest;

    public byte[] Read(PackageFile file) => File.ReadAllBytes(Path(file.Digest));

    /// <summary>Deletes every file that is neither kept nor part of a download that is kept.</summary>
    public void Keep(IReadOnlySet<Sha256Digest> kept)
    {
        var names = kept.Select(d => d.Hex).ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(root))
        {
            var name = System.IO.Path.GetFileName(path);
            if (!names.Contains(name.Split('.')[0]))
                File.Delete(path);
        }
    }
}
