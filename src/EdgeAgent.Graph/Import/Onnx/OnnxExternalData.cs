using System.Globalization;
using Google.Protobuf;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Tensors whose data lies in files beside the model. A model may name files in its own folder and below only: it comes from
/// anywhere and must not make this machine read something else.
/// </summary>
internal sealed class OnnxExternalData(string modelPath)
{
    private const int External = 1;
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(modelPath)) ?? "/";
    private long _total;

    /// <summary>Moves all external data into the model.</summary>
    public void Resolve(ModelProto model)
    {
        Resolve(model.Graph);
        foreach (var function in model.Functions)
            Resolve(function.Node.SelectMany(n => n.Attribute).Concat(function.AttributeProto));
    }

    private void Resolve(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer)
            Resolve(tensor);
        Resolve(graph.Node.SelectMany(n => n.Attribute));
    }

    private void Resolve(IEnumerable<AttributeProto> attributes)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.T is { } tensor)
                Resolve(tensor);
            if (attribute.G is { } body)
                Resolve(body);
        }
    }

    private void Resolve(TensorProto tensor)
    {
        if (tensor.DataLocation != External)
            return;
        var name = $"tensor '{ModelImportException.OneLine(tensor.Name)}'";
        string Value(string key) => tensor.ExternalData.LastOrDefault(e => e.Key == key)?.Value ?? "";
        var file = Find(Value("location"), name);
        try
        {
            using var stream = file.OpenRead();
            var offset = Number(Value("offset"), 0, name);
            var length = Number(Value("length"), stream.Length - offset, name);
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
