using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeAgent.Compression.Family;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Inputs;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Compression.Packaging;

/// <summary>One student for one profile on disk: model, plan, golden samples and the unsigned manifest that names them.</summary>
public static class StudentFolder
{
    public const string ManifestName = "manifest.json";

    /// <summary>A device may take this many times the predicted latency before its trial fails.</summary>
    private const double LatencySlack = 3;

    public static void Write(string folder, WrittenStudent student, ProfileTarget target, string model, Metric metric, double predictedUs,
        IReadOnlyList<string> labels, Preprocessing preprocessing, DateTimeOffset expires)
    {
        Directory.CreateDirectory(folder);
        var files = new List<PackageFile>();
        void Put(string role, string path, byte[] content)
        {
            Passes.Workspace.WriteAtomically(Path.Combine(folder, path), content);
            files.Add(PackageFileBuilder.Describe(role, path, content));
        }
        Put(FileRoles.Onnx, "model.onnx", student.Onnx);
        if (student.Plan.Length > 0)
            Put(FileRoles.Plan, "model.plan", student.Plan);
        Put(FileRoles.GoldenInputs, "golden.inputs", Bytes(student.GoldenInputs));
        Put(FileRoles.GoldenOutputs, "golden.outputs", Bytes(student.GoldenOutputs));

        IReadOnlyList<OperatorCost> operators;
        if (student.Plan.Length > 0)
        {
            using var plan = PlanModel.Load(student.Plan);
            operators = OperatorCosts.Of(plan);
        }
        else
            operators = OperatorCosts.Of(student.Student.Graph);
        var (input, output) = (student.Qdq.Inputs[0], student.Qdq.Outputs[0]);
        var quantization = student.Student.Quantization.Activations[input.Name];
        var manifest = new Manifest
        {
            Kind = ArtifactKind.Model,
            Name = model,
            Version = 1,
            Student = student.Student.Shape.Name,
            Profile = target.Profile.Id,
            Engine = student.Plan.Length > 0 ? target.Profile.Int8.Engine : EngineKind.Onnxruntime,
            Task = "image-classification",
            Metric = metric,
            PredictedUs = predictedUs,
            ActiveW = target.Int8.ActiveW,
            Expires = expires,
            Inputs = [new ManifestTensor(input.Name, "float32", input.Shape, quantization.Scale, quantization.ZeroPoint)],
            Outputs = [new ManifestTensor(output.Name, "float32", output.Shape)],
            Labels = labels,
            Preprocessing = JsonSerializer.Deserialize<JsonElement>(preprocessing.ToJson(), ContractsJson.Default.JsonElement),
            Operators = operators,
            // Latencies of a profile that nothing was measured on are a guess: the limit only catches what is out of all proportion.
            Gates = new Gates(target.Int8.Source == CostSource.Fitted ? predictedUs * LatencySlack : null, null, StudentFiles.RequiredAgreement),
            Files = files,
        };
        Passes.Workspace.WriteAtomically(Path.Combine(folder, ManifestName), JsonSerializer.SerializeToUtf8Bytes(manifest, ContractsJson.Default.Manifest));
    }

    /// <summary>float32, little-endian: what every supported machine has in memory.</summary>
    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
