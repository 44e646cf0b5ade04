using System.Text;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Tests.Contracts;

public sealed class PackageTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PackageSigner _signer = PackageSigner.Create();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgeagent-");

    public void Dispose()
    {
        _signer.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Verify_OfUntouchedPackage_ReturnsItsManifest()
    {
        var package = Write();

        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);
        var manifest = verifier.Verify(package.Envelope, package.Envelope.Digest, "raspberry-pi-4", Now);

        Assert.Equal("w-1-4", manifest.Student);
        Assert.Equal(package.Envelope.Digest.Hex[..16], Path.GetFileName(package.Path));
    }

    [Fact]
    public void Verify_OfAnyChangedByte_Refuses()
    {
        var package = Write();
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);

        for (var i = 0; i < package.Envelope.Payload.Length; i++)
        {
            var payload = package.Envelope.Payload.ToArray();
            payload[i] ^= 1;
            var forged = package.Envelope with { Payload = payload };
            Assert.Equal(PackageRefusal.BadSignature, Refusal(() => verifier.Verify(forged, forged.Digest, "raspberry-pi-4", Now)));
            Assert.Equal(PackageRefusal.DigestMismatch, Refusal(() => verifier.Verify(forged, package.Envelope.Digest, "raspberry-pi-4", Now)));
        }
    }

    [Fact]
    public void Verify_OfChangedSignature_Refuses()
    {
        var package = Write();
        var signature = package.Envelope.Signatures[0];
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);

        for (var i = 0; i < signature.Sig.Length; i++)
        {
            var sig = signature.Sig.ToArray();
            sig[i] ^= 0x80;
            var forged = package.Envelope with { Signatures = [signature with { Sig = sig }] };
            Assert.Equal(PackageRefusal.BadSignature, Refusal(() => verifier.Verify(forged)));
        }
    }

    [Fact]
    public void Verify_ByAnotherKey_RefusesAsUnsigned()
    {
        using var other = PackageSigner.Create();
        using var verifier = new PackageVerifier([other.PublicKeyPem]);

        Assert.Equal(PackageRefusal.Unsigned, Refusal(() => verifier.Verify(Write().Envelope)));
    }

    [Fact]
    public void Verify_WithoutSignature_RefusesAsUnsigned()
    {
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);

        Assert.Equal(PackageRefusal.Unsigned, Refusal(() => verifier.Verify(Write().Envelope with { Signatures = [] })));
    }

    [Fact]
    public void Verify_UnderTheNameOfAnotherKey_Refuses()
    {
        using var attacker = PackageSigner.Create();
        var envelope = attacker.Sign(Write().Envelope.Payload);
        var forged = envelope with { Signatures = [envelope.Signatures[0] with { KeyId = _signer.KeyId }] };
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);

        Assert.Equal(PackageRefusal.BadSignature, Refusal(() => verifier.Verify(forged)));
    }

    [Fact]
    public void Verify_AfterExpiry_RefusesNewInstallsOnly()
    {
        var package = Write();
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);
        var late = package.Manifest.Expires.AddSeconds(1);

        Assert.Equal(PackageRefusal.Expired, Refusal(() => verifier.Verify(package.Envelope, package.Envelope.Digest, "raspberry-pi-4", late)));
        verifier.Verify(package.Envelope, package.Envelope.Digest, "raspberry-pi-4", now: null);
    }

    [Fact]
    public void Verify_ForAnotherProfile_Refuses()
    {
        var package = Write();
        using var verifier = new PackageVerifier([_signer.PublicKeyPem]);

        Assert.Equal(PackageRefusal.WrongProfile, Refusal(() => verifier.Verify(package.Envelope, package.Envelope.Digest, "raspberry-pi-5", Now)));
    }

    [Fact]
    public void Open_WithChangedBlob_Refuses()
    {
        var package = Write();
        var blob = package.BlobPath(package.Manifest.Files[0].Digest);
        var bytes = File.ReadAllBytes(blob);
        bytes[^1] ^= 1;
        File.WriteAllBytes(blob, bytes);

        Assert.Equal(PackageRefusal.DigestMismatch, Refusal(() => PackageDirectory.Open(package.Path)));
    }

    [Fact]
    public void Open_WithMissingBlob_NamesIt()
    {
        var package = Write();
        File.Delete(package.BlobPath(package.Manifest.Files[0].Digest));

        var refused = Assert.Throws<PackageRefusedException>(() => PackageDirectory.Open(package.Path));

        Assert.Contains("model.plan", refused.Message);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("a/b")]
    [InlineData("")]
    public void ReadManifest_WithPathThatIsNotAFileName_Refuses(string path)
    {
        var manifest = Manifest([1, 2, 3]);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest with { Files = [manifest.Files[0] with { Path = path }] }, ContractsJson.Default.Manifest);

        Assert.Equal(PackageRefusal.Malformed, Refusal(() => PackageVerifier.ReadManifest(json)));
    }

    [Fact]
    public void ReadManifest_WithChunksThatDoNotMakeTheSize_Refuses()
    {
        var manifest = Manifest([1, 2, 3]);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest with { Files = [manifest.Files[0] with { Size = 1 << 20 }] }, ContractsJson.Default.Manifest);

        Assert.Equal(PackageRefusal.Malformed, Refusal(() => PackageVerifier.ReadManifest(json)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"payload\":\"\",\"signatures\":[]}")]
    [InlineData("{\"payload\":\"AAAA\",\"signatures\":[null]}")]
    [InlineData("{\"payload\":\"not base64!\",\"signatures\":[]}")]
    public void ReadEnvelope_OfGarbage_Refuses(string json) =>
        Assert.Equal(PackageRefusal.Malformed, Refusal(() => PackageVerifier.ReadEnvelope(Encoding.UTF8.GetBytes(json))));

    [Fact]
    public void ReadManifest_OfNewerWriter_IgnoresUnknownMembers()
    {
        var json = Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(Manifest([1]), ContractsJson.Default.Manifest));

        var manifest = PackageVerifier.ReadManifest(Encoding.UTF8.GetBytes(json.Insert(1, "\"colour\":{\"r\":1},")));

        Assert.Equal("w-1-4", manifest.Student);
    }

    [Fact]
    public void FromPem_OfPublicKey_SaysWhatIsWanted()
    {
        var fault = Assert.Throws<FormatException>(() => PackageSigner.FromPem(_signer.PublicKeyPem));

        Assert.Contains("private key", fault.Message);
    }

    [Fact]
    public void FromPem_OfExportedKey_SignsUnderTheSameId()
    {
        using var again = PackageSigner.FromPem(_signer.ExportPrivateKeyPem());

        Assert.Equal(_signer.KeyId, again.KeyId);
        Assert.Equal(_signer.KeyId, PackageVerifier.KeyId(again.PublicKeyPem));
    }

    private PackageDirectory Write()
    {
        var content = new byte[150_000];
        new Random(7).NextBytes(content);
        return PackageDirectory.Write(_folder.FullName, Manifest(content), new Dictionary<string, byte[]> { [FileRoles.Plan] = content }, _signer);
    }

    private static Manifest Manifest(byte[] plan) => new()
    {
        Kind = ArtifactKind.Model,
        Name = "shapes",
        Version = 3,
        Student = "w-1-4",
        Profile = "raspberry-pi-4",
        Engine = EngineKind.Int8,
        Task = "image-classification",
        Metric = new Metric("top1", 0.9, [0.88, 0.92], 1000, "validation", new string('0', 64)),
        Expires = Now.AddDays(30),
        Inputs = [new ManifestTensor("input", "float32", [-1, 3, 32, 32])],
        Outputs = [new ManifestTensor("logits", "float32", [-1, 10])],
        Operators = [new OperatorCost("c", "Conv", OperatorKind.Conv, [1, 3, 32, 32], [1, 8, 32, 32], 221_184, 216, 11_264)],
        Gates = new Gates(null, null, 0.9),
        Files = [PackageFileBuilder.Describe(FileRoles.Plan, "model.plan", plan)],
    };

    private static PackageRefusal Refusal(Action action) => Assert.Throws<PackageRefusedException>(action).Refusal;
}
