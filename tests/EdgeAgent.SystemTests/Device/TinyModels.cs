using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.SystemTests.Device;

/// <param name="Envelope">As the controller delivers it.</param>
/// <param name="Manifest">What is signed.</param>
/// <param name="Files">Contents by digest.</param>
internal sealed record TinyPackage(SignedEnvelope Envelope, Manifest Manifest, IReadOnlyDictionary<Sha256Digest, byte[]> Files)
{
    public Sha256Digest Digest => Envelope.Digest;

    public byte[] EnvelopeJson => JsonSerializer.SerializeToUtf8Bytes(Envelope, ContractsJson.Default.SignedEnvelope);
}

/// <summary>Small real networks with random weights, golden samples from the scalar reference, and signed packages of them.</summary>
internal sealed class TinyModels : IDisposable
{
    public const string Model = "tiny";
    public const string Profile = "x64-gateway";

    private const int Side = 8, InputChannels = 3, Classes = 10, Samples = 200;

    private readonly PackageSigner _signer = PackageSigner.Create();

    public string PublicKeyPem => _signer.PublicKeyPem;

    /// <summary>A package for the int8 engine: two convolutions and a head, in chunks of 4 KiB.</summary>
    /// <param name="seed">Of the weights.</param>
    /// <param name="change">Last changes of the manifest before it is signed.</param>
    /// <param name="goldenSeed">Weights by which the golden outputs were made; another one makes the trial fail.</param>
    public TinyPackage Int8(int seed, Func<Manifest, Manifest>? change = null, int? goldenSeed = null)
    {
        var inputs = Inputs(seed);
        return Package(EngineKind.Int8, $"int8-{seed}", FileRoles.Plan, Plan(seed), inputs, Outputs(Plan(goldenSeed ?? seed), inputs), Classes, "logits", change);
    }

    /// <summary>A package for ONNX Runtime: the mean of each channel.</summary>
    public TinyPackage Onnx(Func<Manifest, Manifest>? change = null)
    {
        var graph = new GraphSpec(
            "means",
            [new ValueSpec("image", ElementType.Float32, [-1, InputChannels, Side, Side])],
            [new ValueSpec("means", ElementType.Float32, [-1, InputChannels])],
            [
                new Node("pool", new GlobalAveragePool(), ["image"], ["pooled"]),
                new Node("flatten", new Flatten(1), ["pooled"], ["means"]),
            ],
            new Dictionary<string, Tensor>());
        var path = Path.GetTempFileName();
        byte[] model;
        try
        {
            OnnxExporter.Write(graph, path);
            model = File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
        var inputs = Inputs(seed: 0);
        const int pixels = Side * Side;
        var outputs = new float[Samples * InputChannels];
        for (var i = 0; i < outputs.Length; i++)
            outputs[i] = inputs.AsSpan(i * pixels, pixels).ToArray().Average();
        return Package(EngineKind.Onnxruntime, "means", FileRoles.Onnx, model, inputs, outputs, InputChannels, "means", change);
    }

    /// <summary>Signs with a key that no device has pinned.</summary>
    public static TinyPackage Resign(TinyPackage package)
    {
        using var foreign = PackageSigner.Create();
        return package with { Envelope = foreign.Sign(package.Envelope.Payload) };
    }

    public void Dispose() => _signer.Dispose();

    private TinyPackage Package(EngineKind engine, string student, string role, byte[] model, float[] inputs, float[] outputs, int classes, string outputName, Func<Manifest, Manifest>? change)
    {
        var contents = new Dictionary<string, byte[]>
        {
            [role] = model,
            [FileRoles.GoldenInputs] = Bytes(inputs),
            [FileRoles.GoldenOutputs] = Bytes(outputs),
        };
        var manifest = new Manifest
        {
            Kind = ArtifactKind.Model,
            Name = Model,
            Version = 1,
            Student = student,
            Profile = Profile,
            Engine = engine,
            Task = "image-classification",
            Metric = new Metric("top1", 0.5, [0.4, 0.6], 100, "validation", "0"),
            ActiveW = 6,
            Expires = TimeProvider.System.GetUtcNow().AddYears(1),
            Inputs = [new ManifestTensor("image", "float32", [-1, InputChannels, Side, Side])],
            Outputs = [new ManifestTensor(outputName, "float32", [-1, classes])],
            Operators = [new OperatorCost("conv", "Conv", OperatorKind.Conv, [1, 3, 8, 8], [1, 32, 8, 8], 55_296, 864, 2_240)],
            Gates = new Gates(null, null, 0.99),
            Files = [.. contents.Select(c => PackageFileBuilder.Describe(c.Key, c.Key, c.Value, PackageLimits.MinChunkBytes))],
        };
        manifest = change?.Invoke(manifest) ?? manifest;
        var envelope = _signer.Sign(JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest));
        return new TinyPackage(envelope, manifest, contents.Values.ToDictionary(bytes => Sha256Digest.Of(bytes)));
    }

    private static byte[] Plan(int seed)
    {
        var random = new Random(seed);
        var plan = new PlanBuilder("tiny");
        var quantization = new Quantization(1f / 16, 0);
        var x = plan.Input(new PlanShape(Side, Side, InputChannels), new Quantization(1f / 255, 0));
        x = plan.Convolution(x, Weights(random, 32, InputChannels * 9), PlanWindow.Square(3, 1, 1), 1, quantization);
        x = plan.Convolution(x, Weights(random, 64, 32 * 9), PlanWindow.Square(3, 2, 1), 1, quantization);
        plan.Output(plan.DenseHead(x, Weights(random, Classes, 64 * Side / 2 * Side / 2)));
        return plan.Build();
    }

    private static LayerWeights Weights(Random random, int outputs, int inputs)
    {
        var values = new sbyte[outputs * inputs];
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)random.Next(-127, 128);
        var scales = new float[outputs];
        Array.Fill(scales, 0.5f / MathF.Sqrt(inputs) / 64);
        return new LayerWeights(values, scales, new int[outputs]);
    }

    /// <summary>Each package has samples of its own: content that is the same is not fetched twice.</summary>
    private static float[] Inputs(int seed)
    {
        var random = new Random(1000 + seed);
        var inputs = new float[Samples * InputChannels * Side * Side];
        for (var i = 0; i < inputs.Length; i++)
            inputs[i] = random.NextSingle();
        return inputs;
    }

    private static float[] Outputs(byte[] plan, float[] inputs)
    {
        using var model = PlanModel.Load(plan);
        using var executor = new PlanExecutor(model, 1, KernelSet.Named("scalar"));
        var outputs = new float[Samples * Classes];
        var length = inputs.Length / Samples;
        for (var i = 0; i < Samples; i++)
            executor.Run(inputs.AsSpan(i * length, length), outputs.AsSpan(i * Classes, Classes));
        return outputs;
    }

    private static byte[] Bytes(float[] values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        for (var i = 0; i < values.Length; i++)
            System.Buffers.Binary.BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return bytes;
    }
}
