using System.Text.Json;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Artifacts;

namespace EdgeAgent.Cli.Fleet;

/// <summary>Turns the students that a compression left on disk into signed packages.</summary>
internal static class FamilyPackages
{
    /// <summary>The unsigned manifest that compression writes beside each student's files.</summary>
    private const string ManifestName = "manifest.json";

    /// <param name="family">The output folder of a compression.</param>
    /// <param name="target">The packages become folders in here.</param>
    /// <param name="signer">Signs every manifest.</param>
    /// <param name="name">Name of the model in the fleet; null keeps the manifests' own.</param>
    /// <param name="version">Rises with every release of the same name.</param>
    /// <param name="expires">When packages are no longer accepted for new installs.</param>
    public static IReadOnlyList<PackageDirectory> Sign(string family, string target, PackageSigner signer, string? name, long version, DateTimeOffset expires)
    {
        var manifests = Directory.Exists(family)
            ? Directory.EnumerateFiles(family, ManifestName, SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList()
            : throw new CommandException($"{family}: no such folder; give the --out folder of 'edgectl compress'");
        if (manifests.Count == 0)
            throw new CommandException($"{family}: holds no student ({ManifestName}); give the --out folder of a finished 'edgectl compress'");
        // All are read before the first is written.
        var students = manifests.ConvertAll(path => Read(path, name, version, expires));
        var existed = Directory.Exists(target) ? Directory.GetDirectories(target).ToHashSet(StringComparer.Ordinal) : null;
        Directory.CreateDirectory(target);
        try
        {
            return students.ConvertAll(student => PackageDirectory.Write(target, student.Manifest, student.Contents, signer));
        }
        catch
        {
            // A family is released whole or not at all.
            foreach (var written in Directory.GetDirectories(target).Where(folder => existed?.Contains(folder) != true))
                Directory.Delete(written, recursive: true);
            if (existed is null)
                Directory.Delete(target);
            throw;
        }
    }

    public static SignedPackage Describe(PackageDirectory package)
    {
        var manifest = package.Manifest;
        return new SignedPackage(package.Envelope.Digest, manifest.Name, manifest.Version, manifest.Student, manifest.Profile, manifest.Expires, manifest.Files.Sum(f => f.Size), package.Path);
    }

    private static (Manifest Manifest, Dictionary<string, byte[]> Contents) Read(string path, string? name, long version, DateTimeOffset expires)
    {
        Manifest manifest;
        try
        {
            manifest = PackageVerifier.ReadManifest(File.ReadAllBytes(path));
        }
        catch (PackageRefusedException fault)
        {
            throw new CommandException($"{path}: {fault.Message}", fault);
        }
        var folder = Path.GetDirectoryName(path)!;
        var contents = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var file in manifest.Files)
        {
            var content = Path.Combine(folder, file.Path);
            contents[file.Role] = File.Exists(content)
                ? File.ReadAllBytes(content)
                : throw new CommandException($"{content}: the manifest names this file, but it is not there; run 'edgectl compress' again");
        }
        return (manifest with { Name = name ?? manifest.Name, Version = version, Expires = expires }, contents);
    }
}
