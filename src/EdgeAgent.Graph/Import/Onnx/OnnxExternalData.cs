using System.Globalization;
using Google.Protobuf;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Tensors whose data lies in files beside the model. A model may name files in its own folder and below only: it comes from
/// anywhere and must not make this machine read something else.
/// </summary>
internal sealed class OnnxExternalData(string modelPath)
{
    private const int ExternalLocation = 1;
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(modelPath)) ?? "/";
    private long _total;

    /// <summary>Moves all external data into the model.</summary>
    public void Resolve(ModelProto model)
    {
        foreach (var tensor in External(model))
            Resolve(tensor);
    }

    /// <summary>The files that the data is in, in ordinal order.</summary>
    public IReadOnlyList<string> Files(ModelProto model) =>
        [.. External(model).Select(t => Find(Value(t, "location"), Name(t)).FullName).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The tensors of a model, in whatever body, whose data lies elsewhere.</summary>
    private static IEnumerable<TensorProto> External(ModelProto model) => Tensors(model.Graph)
        .Concat(Tensors(model.Functions.SelectMany(f => f.Node.SelectMany(n => n.Attribute).Concat(f.AttributeProto))))
        .Where(t => t.DataLocation == ExternalLocation);

    private static IEnumerable<TensorProto> Tensors(GraphProto graph) => graph.Initializer.Concat(Tensors(graph.Node.SelectMany(n => n.Attribute)));

    private static IEnumerable<TensorProto> Tensors(IEnumerable<AttributeProto> attributes)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.T is { } tensor)
                yield return tensor;
            if (attribute.G is { } body)
                foreach (var inner in Tensors(body))
                    yield return inner;
        }
    }

    private static string Value(TensorProto tensor, string key) => tensor.ExternalData.LastOrDefault(e => e.Key == key)?.Value ?? "";

    private static string Name(TensorProto tensor) => $"tensor '{ModelImportException.OneLine(tensor.Name)}'";

    private void Resolve(TensorProto tensor)
    {
        var name = Name(tensor);
        var file = Find(Value(tensor, "location"), name);
        try
        {
            using var stream = file.OpenRead();
            var offset = Number(Value(tensor, "offset"), 0, name);
            var length = Number(Value(tensor, "length"), stream.Length - offset, name);
            if (offset > stream.Length || length < 0 || length > stream.Length - offset)
                throw new ImportFault($"{name} needs bytes {offset} to {offset + length} of '{file.Name}', which has {stream.Length}");
            if ((_total += length) > ModelImporter.MaxFileBytes)
                throw new ImportFault($"{name}: models above 2 GiB are not supported");
            var bytes = new byte[length];
            stream.Position = offset;
            stream.ReadExactly(bytes);
            tensor.RawData = UnsafeByteOperations.UnsafeWrap(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImportFault($"{name}: cannot read '{file.Name}': {e.Message}");
        }
        tensor.DataLocation = 0;
        tensor.ExternalData.Clear();
    }

    private FileInfo Find(string location, string name)
    {
        var shown = ModelImportException.OneLine(location);
        if (location.Length == 0 || location.Contains('\0') || Path.IsPathRooted(location) || location.Split('/', '\\').Contains(".."))
            throw new ImportFault($"{name} names the file '{shown}'; data must lie in the model's folder");
        var file = new FileInfo(Path.Combine(_folder, location));
        if (!file.Exists)
            throw new ImportFault($"{name} has its data in '{shown}', which is not beside the model; copy it there");
        for (FileSystemInfo? at = file; at is not null && at.FullName.Length > _folder.Length; at = at is FileInfo f ? f.Directory : ((DirectoryInfo)at).Parent)
            if (at.LinkTarget is not null)
                throw new ImportFault($"{name} names the file '{shown}', which is reached by a link; data must lie in the model's folder");
        return file;
    }

    private static long Number(string text, long otherwise, string name)
    {
        if (text.Length == 0)
            return otherwise;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new ImportFault($"{name} has the offset or length '{ModelImportException.OneLine(text)}', which is no number");
    }
}
