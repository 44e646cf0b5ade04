using System.Buffers.Binary;
using EdgeAgent.Contracts.Artifacts;

namespace EdgeAgent.Device.Inference;

/// <summary>Inputs with the outputs that the compression side saw for them: float32 little-endian, sample after sample.</summary>
internal sealed class GoldenSamples
{
    private readonly float[] _inputs;
    private readonly float[] _outputs;
    private readonly int _inputLength;
    private readonly int _outputLength;

    private GoldenSamples(float[] inputs, float[] outputs, int inputLength, int outputLength) =>
        (_inputs, _outputs, _inputLength, _outputLength) = (inputs, outputs, inputLength, outputLength);

    public int Count => _inputs.Length / _inputLength;

    public ReadOnlySpan<float> Input(int sample) => _inputs.AsSpan(sample * _inputLength, _inputLength);

    /// <exception cref="ModelUnusableException">The files do not fit the model.</exception>
    public static GoldenSamples Load(Manifest manifest, Slots.ContentStore content, IInferenceEngine engine)
    {
        var inputs = Floats(content.Read(Role(manifest, FileRoles.GoldenInputs)));
        var outputs = Floats(content.Read(Role(manifest, FileRoles.GoldenOutputs)));
        if (inputs.Length == 0 || inputs.Length % engine.InputLength != 0 || outputs.Length != inputs.Length / engine.InputLength * engine.OutputLength)
            throw new ModelUnusableException($"the golden samples ({inputs.Length} inputs, {outputs.Length} outputs) do not fit a model of {engine.InputLength} inputs and {engine.OutputLength} outputs");
        return new GoldenSamples(inputs, outputs, engine.InputLength, engine.OutputLength);
    }

    /// <summary>Share of samples for which the engine gives the golden class; ties go to the lowest index.</summary>
    public double Agreement(IInferenceEngine engine)
    {
        var output = new float[_outputLength];
        var same = 0;
        for (var i = 0; i < Count; i++)
        {
            engine.Run(Input(i), output);
            if (Highest(output) == Highest(_outputs.AsSpan(i * _outputLength, _outputLength)))
                same++;
        }
        return (double)same / Count;
    }

    private static PackageFile Role(Manifest manifest, string role) =>
        manifest.File(role) ?? throw new ModelUnusableException($"package of {manifest.Student} holds no {role}");

    private static int Highest(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
            if (values[i] > values[best])
                best = i;
        return best;
    }

    private static float[] Floats(byte[] bytes)
    {
        var values = new float[bytes.Length / sizeof(float)];
        for (var i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float)));
        return values;
    }
}
