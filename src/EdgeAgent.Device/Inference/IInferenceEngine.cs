using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Device.Inference;

/// <summary>A loaded model: EdgeAgent.Int8 or ONNX Runtime. One caller at a time.</summary>
internal interface IInferenceEngine : IDisposable
{
    EngineKind Kind { get; }

    /// <summary>Kernels that run: one of the int8 engine's sets, or <c>onnxruntime</c>.</summary>
    string KernelSet { get; }

    /// <summary>Elements of the input of one sample.</summary>
    int InputLength { get; }

    /// <summary>Elements of the output of one sample.</summary>
    int OutputLength { get; }

    /// <param name="input">One sample, float32, as the ONNX model takes it.</param>
    /// <param name="output">Its float32 outputs.</param>
    void Run(ReadOnlySpan<float> input, Span<float> output);
}
