namespace EdgeAgent.Compression.Tests;

/// <summary>Progress that nobody watches, or that a test reacts to.</summary>
internal sealed class Quiet(Action<CompressionProgress>? seen = null) : IProgress<CompressionProgress>
{
    public static Quiet Instance { get; } = new();

    public void Report(CompressionProgress value) => seen?.Invoke(value);
}
