using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>Model in: reads a file of any supported format into the graph IR.</summary>
public static class ModelImporter
{
    /// <summary>A model is held in memory as one array; this is what .NET can address.</summary>
    internal const long MaxFileBytes = int.MaxValue - 64;

    /// <summary>Reads the model at <paramref name="path"/>; the format is found by content, not by extension.</summary>
    /// <returns>A verified graph with shapes that fit, batch dimension dynamic where the model allows it.</returns>
    /// <exception cref="ModelImportException">The file is missing, damaged, of an unknown format or uses an unsupported operator.</exception>
    public static GraphSpec Load(string path)
    {
        if (Directory.Exists(path))
            throw Unsupported(path, ModelFormat.SavedModel);
        var bytes = ReadFile(path);
        var format = ModelFormats.Detect(bytes.AsSpan(0, Math.Min(bytes.Length, ModelFormats.HeaderBytes)));
        return format switch
        {
            ModelFormat.Onnx => OnnxImporter.Import(bytes, path),
            ModelFormat.TfLite => TfLiteImporter.Import(bytes, path),
            _ => throw Unsupported(path, format),
        };
    }

    /// <summary>The format of the file at <paramref name="path"/>, by content.</summary>
    /// <exception cref="ModelImportException">The file cannot be read.</exception>
    public static ModelFormat FormatOf(string path)
    {
        if (Directory.Exists(path))
            return ModelFormat.SavedModel;
        try
        {
            using var file = File.OpenRead(path);
            var header = new byte[ModelFormats.HeaderBytes];
            var read = file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
            return ModelFormats.Detect(header.AsSpan(0, read));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw CannotRead(path, e);
        }
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > MaxFileBytes)
                throw new ModelImportException(path, $"{file.Length} bytes; models above 2 GiB are not supported");
            var bytes = File.ReadAllBytes(path);
            return bytes.Length > 0 ? bytes : throw new ModelImportException(path, "the file is empty");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw CannotRead(path, e);
        }
    }

    private static ModelImportException CannotRead(string path, Exception e) =>
        e is FileNotFoundException or DirectoryNotFoundException
            ? new(path, "no such model file", e)
            : new(path, $"cannot be read: {e.Message}", e);

    private static ModelImportException Unsupported(string path, ModelFormat format) =>
        new(path, $"is {ModelFormats.Describe(format)}; supported: ONNX (.onnx), opset {OnnxImporter.OldestOpset} and up; TensorFlow Lite (.tflite)");
}
