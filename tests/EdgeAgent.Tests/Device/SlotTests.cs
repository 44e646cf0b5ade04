using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Device.Slots;

namespace EdgeAgent.Tests.Device;

public sealed class SlotTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PackageSigner _signer = PackageSigner.Create();
    private readonly PackageVerifier _verifier;
    private readonly ContentStore _content;
    private readonly ModelSlots _slots;

    public SlotTests()
    {
        _verifier = new PackageVerifier([_signer.PublicKeyPem]);
        var content = Directory.CreateDirectory(Path.Combine(_folder.Path, "content"));
        _content = new ContentStore(content.FullName);
        _slots = new ModelSlots(Path.Combine(_folder.Path, "models"), "m", _content, _verifier);
    }

    public void Dispose()
    {
        _verifier.Dispose();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Current_BeforeTheFirstDeployment_IsNone()
    {
        Assert.Null(_slots.Current);
        Assert.Equal(Slot.A, _slots.Inactive);
        Assert.Null(_slots.Read(Slot.A));
    }

    [Fact]
    public void Switch_ToAndFro_NamesOneSlotAtATime()
    {
        Write(Slot.A, 1);
        _slots.Switch(Slot.A);
        Write(Slot.B, 2);
        Assert.Equal((Slot.A, Slot.B), (_slots.Current, _slots.Inactive));
        _slots.Switch(Slot.B);
        Assert.Equal((Slot.B, Slot.A), (_slots.Current, _slots.Inactive));
        Assert.Equal(2, _slots.Read(_slots.Current!.Value)!.Manifest.Version);
        _slots.Switch(Slot.A);
        Assert.Equal(1, _slots.Read(_slots.Current!.Value)!.Manifest.Version);
        _slots.Switch(null);
        Assert.Null(_slots.Current);
    }

    [Fact]
    public void Write_FilesByName_LeadToTheContent()
    {
        var plan = TestPackages.Payload(5000);
        var manifest = TestPackages.Manifest(plan);
        File.WriteAllBytes(_content.Path(manifest.File(FileRoles.Plan)!.Digest), plan);
        _slots.Write(Slot.A, TestPackages.Sign(_signer, manifest), manifest.Files);
        _slots.Switch(Slot.A);
        Assert.Equal(plan, File.ReadAllBytes(Path.Combine(_folder.Path, "models", "m", "current", "model.plan")));
    }

    [Fact]
    public void Write_SlotThatServes_IsRefused()
    {
        Write(Slot.A, 1);
        _slots.Switch(Slot.A);
        Assert.Throws<InvalidOperationException>(() => Write(Slot.A, 2));
    }

    [Fact]
    public void Write_LeftoverOfAnInterruptedWrite_IsReplaced()
    {
        _folder.Put("models/m/a.new/rest", "x");
        _folder.Put("models/m/current.new", "x");
        Write(Slot.A, 1);
        Write(Slot.A, 2);
        _slots.Switch(Slot.A);
        Assert.Equal(2, _slots.Read(Slot.A)!.Manifest.Version);
        Assert.False(Directory.Exists(Path.Combine(_folder.Path, "models", "m", "a.new")));
    }

    [Fact]
    public void Read_SignedByAnotherKey_IsNothing()
    {
        using var foreign = PackageSigner.Create();
        var manifest = TestPackages.Manifest(TestPackages.Payload(100));
        _slots.Write(Slot.A, TestPackages.Sign(foreign, manifest), manifest.Files);
        Assert.Null(_slots.Read(Slot.A));
    }

    [Fact]
    public void Keep_Content_DeletesWhatNoSlotNeeds()
    {
        var manifest = TestPackages.Manifest(TestPackages.Payload(100));
        foreach (var file in manifest.Files)
            File.WriteAllText(_content.Path(file.Digest), "kept");
        var other = Sha256Digest.Of("other"u8);
        File.WriteAllText(_content.Path(other), "dropped");
        File.WriteAllText(_content.PartialPath(other), "dropped");
        File.WriteAllText(_content.BitmapPath(other), "dropped");
        _slots.Write(Slot.A, TestPackages.Sign(_signer, manifest), manifest.Files);
        _content.Keep(_slots.Files().ToHashSet());
        Assert.Equal(manifest.Files.Select(f => f.Digest.Hex).Order(StringComparer.Ordinal), Directory.GetFiles(_content.Root).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    private void Write(Slot slot, long version)
    {
        var manifest = TestPackages.Manifest(TestPackages.Payload(100), version);
        _slots.Write(slot, TestPackages.Sign(_signer, manifest), manifest.Files);
    }
}
