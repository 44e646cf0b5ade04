using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using System.Text.Json;

namespace EdgeAgent.Tests.Device;

/// <summary>Signed packages whose files are plain bytes: for everything that does not run the model.</summary>
internal static class TestPackages
{
    /// <summary>Bytes that depend on their index, so that a wrong offset shows (after Mender's download tests).</summary>
    public static byte[] Payload(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 31 + i / 251 + i / 65521))];

    public static Manifest Manifest(byte[] plan, long version = 1, string name = "m") => new()
    {
        Kind = ArtifactKind.Model,
        Name = name,
        Version = version,
        Student = "student",
        Profile = "raspberry-pi-5",
        Engine = EngineKind.Int8,
        Task = "image-classification",
        Metric = new Metric("top1", 0.9, [0.8, 0.95], 100, "validation", "0"),
        Expires = DateTimeOffset.UnixEpoch.AddYears(100),
        Inputs = [new ManifestTensor("input", "float32", [-1, 1, 2, 2])],
        Outputs = [new ManifestTensor("logits", "float32", [-1, 2])],
        Operators = [],
        Gates = new Gates(null, null, 1),
        Files =
        [
            PackageFileBuilder.Describe(FileRoles.Plan, "model.plan", plan),
            PackageFileBuilder.Describe(FileRoles.GoldenInputs, "golden.inputs", Payload(64)),
            PackageFileBuilder.Describe(FileRoles.GoldenOutputs, "golden.outputs", Payload(32)),
        ],
    };

    public static SignedEnvelope Sign(PackageSigner signer, Manifest manifest) => signer.Sign(JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest));
}
