namespace EdgeAgent.Cli.Engines;

/// <summary>A model loaded into one engine. Not thread-safe: one run at a time.</summary>
internal interface IClassifier : IDisposable
{
    /// <summary>Name of the engine in results: interpreter, onnxruntime or int8.</summary>
    string Engine { get; }

    /// <summary>Name of the kernels that the engine dispatched to, where it tells.</summary>
    string? KernelSet { get; }

    /// <summary>Shape of the input, the batch first as -1.</summary>
    IReadOnlyList<int> InputShape { get; }

    /// <summary>What the file says of itself.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Length of the output of one sample.</summary>
    int Classes { get; }

    /// <summary>Samples that one run takes at most.</summary>
    int MaxBatch { get; }

    /// <param name="inputs"><paramref name="count"/> samples, float32, in the model's input layout.</param>
    /// <param name="count">1 to <see cref="MaxBatch"/>.</param>
    /// <param name="logits">Receives count x <see cref="Classes"/> values.</param>
    void Run(float[] inputs, int count, Span<float> logits);
}
