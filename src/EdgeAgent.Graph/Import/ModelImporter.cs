using EdgeAgent.Graph.Import.Keras;
using EdgeAgent.Graph.Import.Onnx;
using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>Model in: reads a file of any supported format into the graph IR.</summary>
public static class ModelImporter
{
    /// <summary>A model is held in memory as one array; this is what .NET can address.</summary>
    internal const long MaxFileBytes = int.MaxValue - 64;

    /// <summary>Reads the model at <paramref name="path"/>; the format is found by content, not by extension.</summary>
    /// <param name="path">A file, or the folder of a SavedModel.</param>
    /// <param name="openSizes">Sizes for axes that the file leaves open beside the batch: one for each, in the order of the inputs, or one for all.</param>
    /// <returns>A verified graph with shapes that fit, batch dimension dynamic where the model allows it.</returns>
    /// <exception cref="ModelImportException">The file is missing, damaged, of an unknown format or uses an unsupported operator.</exception>
    public static GraphSpec Load(string path, params IReadOnlyList<int> openSizes)
    {
        var open = new OpenSizes(openSizes);
        var file = Directory.Exists(path) ? SavedModelFile(path) : path;
        var bytes = ReadFile(file, path);
        var format = ModelFormats.Detect(bytes.AsSpan(0, Math.Min(bytes.Length, ModelFormats.HeaderBytes)));
        var name = Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(path));
        try
        {
            var graph = format switch
            {
                ModelFormat.Onnx => OnnxImporter.Import(bytes, path, name, open),
                ModelFormat.TfLite => TfLiteImporter.Import(bytes, name, open),
                ModelFormat.KerasHdf5 => KerasImporter.ImportHdf5(bytes, name, open),
                ModelFormat.KerasZip => KerasImporter.ImportArchive(bytes, name, open),
                ModelFormat.FrozenGraph => FrozenGraphImporter.Import(bytes, name, open),
                ModelFormat.SavedModel => SavedModelImporter.Import(bytes, Path.GetDirectoryName(Path.GetFullPath(file))!, name, open),
                _ => throw Unsupported(path, format),
            };
            return open.Excess is { } excess ? throw new ImportFault(excess) : graph;
        }
        catch (Exception e) when (e is ImportFault or InvalidGraphException or ShapeInference.ShapeFault or OverflowException or DivideByZeroException
            or ArgumentException or NotSupportedException or IOException or UnauthorizedAccessException)
        {
            // Whatever is wrong inside the file becomes one line that begins with its path.
            throw new ModelImportException(path, e.Message, e);
        }
        catch (Exception e) when (IsUnforeseen(e))
        {
            throw new ModelImportException(path, $"has a form that is not known here ({e.GetType().Name}: {e.Message}); export it again, or with another version of the tool that wrote it", e);
        }
    }

    /// <summary>What code throws that took something in a file for granted: no refusal that was thought of, but about the file all the same.</summary>
    internal static bool IsUnforeseen(Exception e) =>
        e is IndexOutOfRangeException or InvalidCastException or KeyNotFoundException or InvalidOperationException or NullReferenceException;

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

    /// <summary>The files that a model consists of: for ONNX also those beside it that hold its data, for a SavedModel all of its folder.</summary>
    /// <exception cref="ModelImportException">The file cannot be read.</exception>
    public static IReadOnlyList<string> FilesOf(string path)
    {
        if (Directory.Exists(path))
            return [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        if (FormatOf(path) != ModelFormat.Onnx)
            return [path];
        try
        {
            return [path, .. OnnxImporter.DataFiles(ReadFile(path, path), path)];
        }
        catch (ImportFault fault)
        {
            throw new ModelImportException(path, fault.Message, fault);
        }
    }

    /// <summary>Size of a model on disk: that of its files together.</summary>
    public static long BytesOf(string path) => FilesOf(path).Sum(f => new FileInfo(f).Length);

    private static string SavedModelFile(string folder)
    {
        var file = Path.Combine(folder, SavedModelImporter.GraphFile);
        return File.Exists(file) ? file : throw new ModelImportException(folder, $"is a folder without {SavedModelImporter.GraphFile}; a TensorFlow SavedModel has one");
    }

    private static byte[] ReadFile(string file, string path)
    {
        try
        {
            var info = new FileInfo(file);
            if (info.Exists && info.Length > MaxFileBytes)
                throw new ModelImportException(path, $"{info.Length} bytes; models above 2 GiB are not supported");
            var bytes = File.ReadAllBytes(file);
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
        new(path, $"is {ModelFormats.Describe(format)}; supported: ONNX (.onnx) of opset {OnnxImporter.OldestOpset} and up, TensorFlow SavedModel folders and frozen graphs (.pb), Keras (.h5, .keras), TensorFlow Lite (.tflite)");
}
