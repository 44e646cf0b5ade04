using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.SystemTests.Fleet;

/// <param name="Envelope">Signed.</param>
/// <param name="Manifest">What it says.</param>
/// <param name="Blobs">Its files.</param>
/// <param name="PublicKeyPem">Of the signer.</param>
internal sealed record TestPackage(SignedEnvelope Envelope, Manifest Manifest, IReadOnlyDictionary<Sha256Digest, byte[]> Blobs, string PublicKeyPem)
{
    public Sha256Digest Digest => Envelope.Digest;

    /// <summary>Its latency by the published figures of its profile, one thread, in microseconds.</summary>
    public double PublishedUs => PublishedCost.Of(ProfileLoader.LoadById(TestFleet.Profiles, Manifest.Profile)).PredictUs(Manifest.Operators);

    /// <summary>What a device of the profile reports that takes <paramref name="timesSlower"/> times as long as published.</summary>
    public BenchmarkReport Report(double timesSlower)
    {
        var us = PublishedUs * timesSlower;
        return new BenchmarkReport
        {
            Model = Manifest.Name,
            Digest = Digest,
            Student = Manifest.Student,
            Profile = Manifest.Profile,
            Emulated = false,
            Phase = BenchmarkPhase.Serving,
            Engine = EngineKind.Int8,
            KernelSet = "avx2",
            Threads = 1,
            Latency = new LatencySummary { Samples = 100, MinUs = us, P50Us = us, P90Us = us, P95Us = us, P99Us = us, MeanUs = us, StdUs = 0, IntervalUs = [us, us] },
            Energy = new EnergyReading(1, null, EnergySource.Estimated, null, null),
            GoldenAgreement = 1,
        };
    }
}

/// <summary>Packages as edgectl makes them, around files that are no models: the controller does not look inside.</summary>
internal sealed class TestPackages : IDisposable
{
    public const string Model = "cifar";

    public const string Profile = "x64-gateway";

    private readonly PackageSigner _signer = PackageSigner.Create();

    /// <param name="student">Name of the student.</param>
    /// <param name="accuracy">A fraction.</param>
    /// <param name="megaMacs">Size of its convolutions: its predicted latency is proportional to it.</param>
    /// <param name="planBytes">Size of its plan.</param>
    /// <param name="version">Release.</param>
    /// <param name="profile">Board.</param>
    /// <param name="expires">Default: in a year.</param>
    public TestPackage Create(
        string student, double accuracy = 0.8, int megaMacs = 10, int planBytes = 1000, long version = 1, string profile = Profile, DateTimeOffset? expires = null)
    {
        var contents = new Dictionary<string, byte[]>
        {
            [FileRoles.Plan] = Bytes(student, planBytes),
            [FileRoles.GoldenInputs] = Bytes(student + "in", 64),
            [FileRoles.GoldenOutputs] = Bytes(student + "out", 40),
        };
        var manifest = new Manifest
        {
            Kind = ArtifactKind.Model,
            Name = Model,
            Version = version,
            Student = student,
            Profile = profile,
            Engine = EngineKind.Int8,
            Task = "image-classification",
            Metric = new Metric("top1", accuracy, [accuracy - 0.01, accuracy + 0.01], 5000, "validation", "0"),
            Expires = expires ?? TimeProvider.System.GetUtcNow().AddYears(1),
            Inputs = [new ManifestTensor("input", "float32", [-1, 3, 32, 32])],
            Outputs = [new ManifestTensor("logits", "float32", [-1, 10])],
            Operators = [new OperatorCost("conv", "Conv", OperatorKind.Conv, [1, 32, 32, 32], [1, 32, 32, 32], megaMacs * 1_000_000L, 10_000, 60_000)],
            Gates = new Gates(null, null, 0.9),
            Files = [.. contents.Select(c => PackageFileBuilder.Describe(c.Key, c.Key, c.Value, PackageLimits.MinChunkBytes))],
        };
        var payload = JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest);
        return new TestPackage(_signer.Sign(payload), manifest, contents.Values.ToDictionary(b => Sha256Digest.Of(b)), _signer.PublicKeyPem);
    }

    public void Dispose() => _signer.Dispose();

    /// <summary>Bytes that depend on their index, so that a wrong offset shows.</summary>
    private static byte[] Bytes(string seed, int length)
    {
        var bytes = new byte[length];
        var state = 1u;
        foreach (var c in seed)
            state = state * 31 + c;
        for (var i = 0; i < length; i++)
            bytes[i] = (byte)((state = state * 1664525 + 1013904223) >> 24);
        return bytes;
    }
}
