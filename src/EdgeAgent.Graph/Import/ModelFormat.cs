namespace EdgeAgent.Graph.Import;

/// <summary>File formats of models, told apart by content.</summary>
public enum ModelFormat
{
    Onnx,
    TfLite,
    KerasHdf5,
    KerasZip,
    SavedModel,
    FrozenGraph,
    Unknown,
}

/// <summary>Recognises a format by its first bytes; the extension is never looked at.</summary>
internal static class ModelFormats
{
    /// <summary>Bytes that <see cref="Detect"/> needs to see.</summary>
    public const int HeaderBytes = 16;

    private static ReadOnlySpan<byte> Hdf5 => [0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A];

    public static ModelFormat Detect(ReadOnlySpan<byte> header)
    {
        if (header.StartsWith(Hdf5))
            return ModelFormat.KerasHdf5;
        if (header.StartsWith("PK\u0003\u0004"u8))
            return ModelFormat.KerasZip;
        if (header.Length >= 8 && header[4..8].SequenceEqual("TFL3"u8))
            return ModelFormat.TfLite;
        // Protobuf has no magic number. A SavedModel begins with its schema version, 1, and its graphs; a GraphDef with its nodes.
        if (header.StartsWith((ReadOnlySpan<byte>)[0x08, 0x01, 0x12]))
            return ModelFormat.SavedModel;
        if (header.Length >= 2 && header[0] is 0x0A)
            return ModelFormat.FrozenGraph;
        // ONNX: every writer starts with one of ModelProto's leading fields: ir_version (varint), a length-delimited name, the graph or the opsets.
        if (header.Length >= 2 && header[0] is 0x08 or 0x12 or 0x1A or 0x3A or 0x42)
            return ModelFormat.Onnx;
        return ModelFormat.Unknown;
    }

    public static string Describe(ModelFormat format) => format switch
    {
        ModelFormat.TfLite => "a TensorFlow Lite model",
        ModelFormat.KerasHdf5 => "an HDF5 file (Keras .h5)",
        ModelFormat.KerasZip => "a zip archive (Keras .keras)",
        ModelFormat.SavedModel => "a directory (TensorFlow SavedModel)",
        _ => "no model format that is known",
    };
}
