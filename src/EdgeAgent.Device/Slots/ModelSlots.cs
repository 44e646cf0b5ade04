using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Slots;

/// <summary>
/// The two slots of one model and which of them serves: <c>MODEL/a</c>, <c>MODEL/b</c> and the symbolic link
/// <c>MODEL/current</c>. A slot holds the package's envelope and, for people and other programs, links to its files by
/// name; the content itself lies in the <see cref="ContentStore"/>.
/// </summary>
internal sealed class ModelSlots
{
    private const string CurrentName = "current";
    private const string EnvelopeName = "envelope.json";

    private readonly string _folder;
    private readonly ContentStore _content;
    private readonly PackageVerifier _verifier;

    public ModelSlots(string models, string model, ContentStore content, PackageVerifier verifier)
    {
        (_folder, _content, _verifier) = (Path.Combine(models, model), content, verifier);
        Directory.CreateDirectory(_folder);
    }

    /// <summary>The slot that serves, or null before the first deployment.</summary>
    public Slot? Current => new DirectoryInfo(Path.Combine(_folder, CurrentName)).LinkTarget switch
    {
        "a" => Slot.A,
        "b" => Slot.B,
        _ => null,
    };

    /// <summary>The slot that may be overwritten.</summary>
    public Slot Inactive => Current == Slot.A ? Slot.B : Slot.A;

    /// <summary>The package in a slot, or null where there is none that the pinned keys vouch for.</summary>
    public SlotPackage? Read(Slot slot)
    {
        if (DurableFile.Read(Path.Combine(Folder(slot), EnvelopeName)) is not { } json)
            return null;
        try
        {
            var envelope = PackageVerifier.ReadEnvelope(json);
            // Expiry is not looked at: an installed model is never stopped by it.
            return new SlotPackage(envelope.Digest, _verifier.Verify(envelope));
        }
        catch (PackageRefusedException)
        {
            return null;
        }
    }

    /// <summary>Puts a package into the inactive slot; interrupted, it leaves the old slot or the whole new one.</summary>
    public void Write(Slot slot, SignedEnvelope envelope, IEnumerable<PackageFile> files)
    {
        if (slot == Current)
            throw new InvalidOperationException($"slot {Name(slot)} serves and is not written to");
        var target = Folder(slot);
        var staging = target + ".new";
        DeleteFolder(staging);
        Directory.CreateDirectory(staging);
        foreach (var file in files)
            File.CreateSymbolicLink(Path.Combine(staging, file.Path), Path.GetRelativePath(target, _content.Path(file.Digest)));
        DurableFile.Write(Path.Combine(staging, EnvelopeName), JsonSerializer.SerializeToUtf8Bytes(envelope, ContractsJson.Default.SignedEnvelope));
        DeleteFolder(target);
        Posix.Rename(staging, target);
        Posix.FlushDirectory(_folder);
    }

    /// <summary>Makes a slot serve, in one rename; null makes none serve. Does nothing where that is so already.</summary>
    public void Switch(Slot? slot)
    {
        if (slot == Current)
            return;
        var current = Path.Combine(_folder, CurrentName);
        if (slot is not { } next)
        {
            File.Delete(current);
        }
        else
        {
            var link = current + ".new";
            File.Delete(link);
            File.CreateSymbolicLink(link, Name(next));
            Posix.Rename(link, current);
        }
        Posix.FlushDirectory(_folder);
    }

    /// <summary>Digests of all files that either slot needs.</summary>
    public IEnumerable<Sha256Digest> Files() =>
        ((Slot[])[Slot.A, Slot.B]).Select(Read).OfType<SlotPackage>().SelectMany(p => p.Manifest.Files).Select(f => f.Digest);

    private static void DeleteFolder(string path)
    {
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
    }

    private static string Name(Slot slot) => slot == Slot.A ? "a" : "b";

    private string Folder(Slot slot) => Path.Combine(_folder, Name(slot));
}
