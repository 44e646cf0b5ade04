using Microsoft.ML.OnnxRuntime;

namespace EdgeAgent.Benchmarks.Int8;

/// <summary>ONNX Runtime at its best: all optimizations, input and output bound once, threads that spin between operators.</summary>
internal sealed class OnnxRuntimeRunner : IDisposable
{
    private readonly SessionOptions _options = new() { GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL };
    private readonly RunOptions _run = new();
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly OrtValue _input;
    private readonly OrtValue _output;

    public OnnxRuntimeRunner(byte[] model, float[] input, float[] output, int threads)
    {
        _options.IntraOpNumThreads = threads;
        _options.InterOpNumThreads = 1;
        _options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1");
        _options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        _session = new(model, _options);
        _binding = _session.CreateIoBinding();
        _input = OrtValue.CreateTensorValueFromMemory(input, Shape(_session.InputMetadata.Values.Single()));
        _output = OrtValue.CreateTensorValueFromMemory(output, Shape(_session.OutputMetadata.Values.Single()));
        _binding.BindInput(_session.InputNames[0], _input);
        _binding.BindOutput(_session.OutputNames[0], _output);
    }

    /// <summary>
    /// The QOperator form (QLinearConv and its like) of a QDQ model: what ONNX Runtime's own fusion writes, before layouts
    /// are chosen. An operator that has no such form stays between its QDQ pairs.
    /// </summary>
    public static byte[] QOperatorForm(byte[] qdq)
    {
        var path = Path.GetTempFileName();
        try
        {
            using var options = new SessionOptions { GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED, OptimizedModelFilePath = path };
            using (new InferenceSession(qdq, options))
                return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Run() => _session.RunWithBinding(_run, _binding);

    public void Dispose()
    {
        _input.Dispose();
        _output.Dispose();
        _binding.Dispose();
        _session.Dispose();
        _run.Dispose();
        _options.Dispose();
    }

    private static long[] Shape(NodeMetadata value) => [.. value.Dimensions.Select(d => d < 0 ? 1L : d)];
}
