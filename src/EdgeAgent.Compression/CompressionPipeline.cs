namespace EdgeAgent.Compression;

/// <summary>Teacher in, family of students out.</summary>
public static class CompressionPipeline
{
    /// <summary>Runs all passes.</summary>
    /// <exception cref="EdgeAgent.Inputs.InputException">Model, data or options cannot be used; one line.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint is in the output directory.</exception>
    public static FamilyReport Run(CompressionOptions options, IProgress<CompressionProgress> progress, CancellationToken cancellation) =>
        throw new NotSupportedException("compression lands within the hour: distillation is in, quantization and packaging are not");
}
