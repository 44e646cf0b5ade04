using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>A family of one student as a compression leaves it on disk, around the plan of <see cref="ColourData"/>.</summary>
internal static class FamilyFolder
{
    public static string Write(ColourData data, string profile = "x64-gateway")
    {
        var folder = data.PathOf("family/colours-s");
        Directory.CreateDirectory(folder);
        var inputs = new byte[3 * ColourData.Side * ColourData.Side * sizeof(float)];
        var contents = new Dictionary<string, (string Path, byte[] Bytes)>
        {
            [FileRoles.Plan] = ("model.plan", File.ReadAllBytes(data.Plan())),
            [FileRoles.Onnx] = ("model.onnx", File.ReadAllBytes(data.Model())),
            [FileRoles.GoldenInputs] = ("golden-inputs.bin", inputs),
            [FileRoles.GoldenOutputs] = ("golden-outputs.bin", new byte[3 * sizeof(float)]),
        };
        foreach (var (path, bytes) in contents.Values)
            File.WriteAllBytes(Path.Combine(folder, path), bytes);
        var manifest = new Manifest
        {
            Kind = ArtifactKind.Model,
            Name = "colours",
            Version = 1,
            Student = "colours-s",
            Profile = profile,
            Engine = EngineKind.Int8,
            Task = "image-classification",
            Metric = new Metric("top1", 1, [0.75, 1], 12, "validation", new string('0', 64)),
            Expires = DateTimeOffset.UnixEpoch.AddYears(100),
            Inputs = [new ManifestTensor("image", "float32", [-1, 3, ColourData.Side, ColourData.Side])],
            Outputs = [new ManifestTensor("logits", "float32", [-1, 3])],
            Operators = [new OperatorCost("pool", "GlobalAveragePool", OperatorKind.Elementwise, [1, 3, ColourData.Side, ColourData.Side], [1, 3, 1, 1], 0, 0, 300)],
            Gates = new Gates(null, null, 1),
            Files = [.. contents.Select(c => PackageFileBuilder.Describe(c.Key, c.Value.Path, c.Value.Bytes))],
        };
        File.WriteAllBytes(Path.Combine(folder, "manifest.json"), JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest));
        return data.PathOf("family");
    }
}
