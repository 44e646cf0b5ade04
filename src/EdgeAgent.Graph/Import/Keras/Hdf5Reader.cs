using EdgeAgent.Graph.Ir;
using PureHDF;
using PureHDF.VOL.Native;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Reads groups, attributes and weights of an HDF5 file, which is never trusted: every fault becomes one line with the path inside.</summary>
internal sealed class Hdf5Reader : IDisposable
{
    /// <summary>Deflated weights may be larger than the file; what is more than this many times larger is no model.</summary>
    private const int MaxInflation = 64;

    private readonly CountedStream _stream;
    private readonly NativeFile _file;
    private readonly long _length;
    private readonly Dictionary<string, IH5Object?> _found = [];
    private Dictionary<string, string>? _joined;

    public Hdf5Reader(byte[] bytes)
    {
        (_stream, _length) = (new(bytes), bytes.Length);
        _file = Guarded("", () => H5File.Open(_stream));
    }

    public bool Exists(string path) => Guarded(path, () => Find(path) is not null || Joined.Keys.Any(name => Below(path, name) is not null));

    public bool IsDataset(string path) => Guarded(path, () => Find(path) is IH5Dataset);

    /// <summary>Names of what a group holds.</summary>
    public IReadOnlyList<string> Children(string path) => Guarded(path, () =>
    {
        IEnumerable<string> own = Find(path) is null ? [] : Group(path).Children().Select(c => c.Name);
        return own.Where(name => !name.Contains('\\')).Concat(Joined.Keys.Select(name => Below(path, name)).OfType<string>()).Distinct().ToList();
    });

    /// <summary>A text attribute; null if the group has none of that name.</summary>
    public string? Text(string path, string attribute) => Guarded(path, () =>
        Group(path) is var group && group.AttributeExists(attribute) && Checked(group.Attribute(attribute)) is var text ? text.Read<string>() : null);

    /// <summary>A list of texts, which Keras splits over several attributes where it is long; null if there is none.</summary>
    public IReadOnlyList<string>? Texts(string path, string attribute) => Guarded(path, () =>
    {
        var group = Group(path);
        if (group.AttributeExists(attribute))
            return Texts(group.Attribute(attribute));
        if (!group.AttributeExists(attribute + "0"))
            return null;
        var all = new List<string>();
        for (var part = 0; group.AttributeExists($"{attribute}{part}"); part++)
            all.AddRange(Texts(group.Attribute($"{attribute}{part}")));
        return (IReadOnlyList<string>)all;
    });

    /// <summary>A weight as float32.</summary>
    public Tensor Weight(string path) => Guarded(path, () =>
    {
        if (Find(path) is not IH5Dataset dataset)
            throw new ImportFault($"'{ModelImportException.OneLine(path)}' in the HDF5 file is no dataset");
        var (type, shape, count) = (dataset.Type, dataset.Space.Dimensions, 1L);
        foreach (var dimension in shape)
            count = dimension <= (ulong)ShapeInference.MaxElements && shape.Length <= 8 ? checked(count * (long)dimension) : long.MaxValue;
        if (count > ShapeInference.MaxElements || count * type.Size > MaxInflation * _length)
            throw new ImportFault($"weight '{ModelImportException.OneLine(path)}' has the shape [{string.Join(',', shape.Take(16))}], more than the file can hold");
        var before = _stream.Delivered;
        var values = (type.Class, type.Size) switch
        {
            (H5DataTypeClass.FloatingPoint, 4) => dataset.Read<float[]>(),
            (H5DataTypeClass.FloatingPoint, 8) => Array.ConvertAll(dataset.Read<double[]>(), v => (float)v),
            (H5DataTypeClass.FloatingPoint, 2) => Array.ConvertAll(dataset.Read<Half[]>(), v => (float)v),
            (H5DataTypeClass.FixedPoint, 4) => Array.ConvertAll(dataset.Read<int[]>(), v => (float)v),
            (H5DataTypeClass.FixedPoint, 8) => Array.ConvertAll(dataset.Read<long[]>(), v => (float)v),
            _ => throw new ImportFault($"weight '{ModelImportException.OneLine(path)}' holds {type.Class} of {type.Size} bytes; float32, float64 and float16 are supported"),
        };
        // HDF5 can refer to other files of the machine; a model brings its weights along.
        var layout = dataset.Layout.Class;
        if (layout == H5DataLayoutClass.VirtualStorage || count > 0 && layout != H5DataLayoutClass.Compact && _stream.Delivered - before < (layout == H5DataLayoutClass.Contiguous ? count * type.Size : 1))
            throw new ImportFault($"weight '{ModelImportException.OneLine(path)}' is not stored in this file; save the model as one file");
        return Tensor.Of(values, Array.ConvertAll(shape, d => (int)d));
    });

    public void Dispose() => _file.Dispose();

    private string[] Texts(IH5Attribute attribute)
    {
        // An empty list is written as an empty list of numbers.
        var dimensions = Checked(attribute).Space.Dimensions;
        return attribute.Type.Class is H5DataTypeClass.String or H5DataTypeClass.VariableLength && !dimensions.Contains(0UL) && dimensions.Aggregate(1.0, (a, d) => a * d) < 1 << 20
            ? attribute.Read<string[]>()
            : [];
    }

    /// <summary>An attribute whose claimed size the file can hold: it is allocated before it is read.</summary>
    private IH5Attribute Checked(IH5Attribute attribute)
    {
        var bytes = attribute.Space.Dimensions.Aggregate((double)attribute.Type.Size, (size, d) => size * d);
        return bytes <= _length ? attribute : throw new ImportFault($"attribute '{ModelImportException.OneLine(attribute.Name)}' claims {bytes:0} bytes, more than the file has; it is damaged");
    }

    /// <summary>
    /// What lies at a path, or null. The library reads all names of a group at every look-up, which over the groups of a large
    /// model is their number squared: every path is looked up once.
    /// </summary>
    private IH5Object? Find(string path)
    {
        if (path.Length == 0)
            return _file;
        if (_found.TryGetValue(path, out var known))
            return known;
        var slash = path.LastIndexOf('/');
        var (parent, name) = (Find(path[..Math.Max(0, slash)]) as IH5Group, path[(slash + 1)..]);
        return _found[path] = parent?.LinkExists(name) == true ? parent.Get(name) : Joined.TryGetValue(path, out var joined) ? _file.Get(joined) : null;
    }

    /// <summary>
    /// Groups of the root by their paths, where their names are whole paths: on Windows, Keras joins the names of groups by backslashes,
    /// which HDF5 does not take apart.
    /// </summary>
    private Dictionary<string, string> Joined
    {
        get
        {
            if (_joined is null)
            {
                _joined = [];
                foreach (var child in _file.Children())
                    if (child.Name.Contains('\\'))
                        _joined.TryAdd(child.Name.Replace('\\', '/'), child.Name);
            }
            return _joined;
        }
    }

    /// <summary>The name, in the group at <paramref name="path"/>, of what leads to <paramref name="joined"/>; null if nothing does.</summary>
    private static string? Below(string path, string joined) =>
        path.Length == 0 ? joined.Split('/')[0] : joined.Length > path.Length && joined[path.Length] == '/' && joined.StartsWith(path, StringComparison.Ordinal) ? joined[(path.Length + 1)..].Split('/')[0] : null;

    private IH5Group Group(string path) => Find(path) as IH5Group ?? throw new ImportFault($"'{ModelImportException.OneLine(path)}' in the HDF5 file is no group");

    /// <summary>The library reports damage by exceptions of any type, also in the middle of its own arithmetic.</summary>
    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e)
        {
            for (var inner = e; inner is not null; inner = inner.InnerException)
                if (inner is ImportFault fault)
                    throw new ImportFault(path.Length == 0 || fault.Message.Contains(path) ? fault.Message : $"'{ModelImportException.OneLine(path)}' in the HDF5 file: {fault.Message}");
            throw new ImportFault($"the HDF5 file is damaged at '/{ModelImportException.OneLine(path)}' ({ModelImportException.OneLine(e.Message)}); copy or save the model again");
        }
    }
}
