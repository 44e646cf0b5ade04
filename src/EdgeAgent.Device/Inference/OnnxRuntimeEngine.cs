using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using Microsoft.ML.OnnxRuntime;

namespace EdgeAgent.Device.Inference;

/// <summary>
/// A model on ONNX Runtime. The native library (some 20 MB) is loaded by the first of these, so that a device whose
/// packages ask for the int8 engine never loads it.
/// </summary>
internal sealed class OnnxRuntimeEngine : IInferenceEngine
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly float[] _input;
    private readonly float[] _output;
    private readonly OrtValue _inputValue;
    private readonly OrtValue _outputValue;
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;

    /// <param name="path">The QDQ or float ONNX model.</param>
    /// <param name="input">Its only input, float32, batch first.</param>
    /// <param name="output">Its only output.</param>
    /// <param name="threads">Threads inside an operator.</param>
    /// <exception cref="ModelUnusableException">ONNX Runtime is not there or refuses the model.</exception>
    public OnnxRuntimeEngine(string path, ManifestTensor input, ManifestTensor output, int threads)
    {
        try
        {
            using var options = new SessionOptions
            {
                IntraOpNumThreads = threads,
                InterOpNumThreads = 1,
                ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            };
            _session = new InferenceSession(path, options);
        }
        catch (Exception e) when (e is OnnxRuntimeException or DllNotFoundException or TypeInitializationException or EntryPointNotFoundException)
        {
            throw new ModelUnusableException($"ONNX Runtime cannot load the model: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}", e);
        }
        (_inputNames, _outputNames) = ([input.Name], [output.Name]);
        (InputLength, OutputLength) = (SampleLength(input), SampleLength(output));
        _input = new float[InputLength];
        _output = new float[OutputLength];
        _inputValue = OrtValue.CreateTensorValueFromMemory(_input, SampleShape(input));
        _outputValue = OrtValue.CreateTensorValueFromMemory(_output, SampleShape(output));
    }

    public EngineKind Kind => EngineKind.Onnxruntime;

    public string KernelSet => "onnxruntime";

    public int InputLength { get; }

    public int OutputLength { get; }

    public void Run(ReadOnlySpan<float> input, Span<float> output)
    {
        input.CopyTo(_input);
        try
        {
            _session.Run(_options, _inputNames, [_inputValue], _outputNames, [_outputValue]);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelUnusableException($"ONNX Runtime cannot run the model: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        _output.CopyTo(output);
    }

    public void Dispose()
    {
        _inputValue.Dispose();
        _outputValue.Dispose();
        _options.Dispose();
        _session.Dispose();
    }

    private static long[] SampleShape(ManifestTensor tensor) => [.. tensor.Shape.Select(d => d < 0 ? 1L : d)];

    private static int SampleLength(ManifestTensor tensor)
    {
        long length = 1;
        foreach (var dimension in SampleShape(tensor))
            length = checked(length * dimension);
        return length is > 0 and <= 1 << 26 ? (int)length : throw new ModelUnusableException($"tensor {tensor.Name} has {length} elements; 1 to {1 << 26} are allowed");
    }
}
