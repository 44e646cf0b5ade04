using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Slots;

namespace EdgeAgent.Device.Inference;

/// <summary>Opens the engine that a package asks for.</summary>
internal sealed class EngineLoader(ContentStore content, int threads)
{
    public int Threads => threads;

    /// <exception cref="ModelUnusableException">The model cannot run here.</exception>
    public IInferenceEngine Load(Manifest manifest)
    {
        var role = FileRoles.For(manifest.Engine)[0];
        var file = manifest.File(role) ?? throw new ModelUnusableException($"package of {manifest.Student} is for engine {manifest.Engine} and holds no {role}");
        var path = content.Path(file.Digest);
        return manifest.Engine switch
        {
            EngineKind.Int8 => new Int8Engine(path, threads),
            EngineKind.Onnxruntime => new OnnxRuntimeEngine(path, manifest.Inputs[0], manifest.Outputs[0], threads),
            _ => throw new ModelUnusableException($"engine {manifest.Engine} is not known to this version"),
        };
    }
}
