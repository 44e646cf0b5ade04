using EdgeAgent.Graph.Ir;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>A checkpoint in the tensor-bundle format: an index of entries by key, and data shards that hold their bytes.</summary>
internal sealed class TensorBundle : IDisposable
{
    private const int MaxIndexBytes = 1 << 26, MaxShards = 1 << 10;

    private readonly Dictionary<string, BundleEntryProto> _entries = [];
    private readonly Dictionary<int, SafeFileHandle> _shards = [];
    private readonly string _prefix;
    private readonly int _shardCount;

    /// <param name="prefix">The path of the bundle without ".index" and ".data-...".</param>
    public TensorBundle(string prefix)
    {
        _prefix = prefix;
        var index = prefix + ".index";
        if (!File.Exists(index))
            throw new ImportFault($"the model has variables, and {Path.GetFileName(Path.GetDirectoryName(index))}/{Path.GetFileName(index)} is missing; copy the whole folder");
        try
        {
            if (new FileInfo(index).Length > MaxIndexBytes)
                throw new ImportFault($"is larger than {MaxIndexBytes} bytes");
            foreach (var (key, value) in SortedTable.Read(File.ReadAllBytes(index)))
            {
                if (key.Length > 0)
                    _entries[key] = TfProto.Parse<BundleEntryProto>(value.ToArray(), "entry");
                else if (TfProto.Parse<BundleHeaderProto>(value.ToArray(), "header") is var header && header.Endianness == 0)
                    _shardCount = header.NumShards;
                else
                    throw new ImportFault("is written in big-endian order, which is not supported");
            }
            if (_shardCount is < 1 or > MaxShards)
                throw new ImportFault($"names {_shardCount} shards; it is damaged");
        }
        catch (ImportFault fault)
        {
            throw new ImportFault($"variables.index: {fault.Message}");
        }
    }

    public bool Contains(string key) => _entries.ContainsKey(key);

    public Tensor Read(string key)
    {
        var name = $"variable '{ModelImportException.OneLine(key)}'";
        var entry = _entries.GetValueOrDefault(key) ?? throw new ImportFault($"{name} is not in the checkpoint; copy the whole folder or export the model again");
        Exception Fault(string what) => new ImportFault($"{name} {what}");
        if (entry.Slices.Count > 0)
            throw Fault("is stored in slices; save the model without partitioned variables");
        var shape = TfTensors.Shape(entry.Shape, Fault, out var count);
        var type = TfTypes.Of(entry.Dtype);
        if (entry.Size != (long)count * TfTypes.Bytes(type))
            throw Fault($"has {entry.Size} bytes, which do not fit its shape [{string.Join(',', shape)}] of {type}; the index is damaged");
        var bytes = Bytes(entry, Fault);
        if (SortedTable.Checksum.Masked(bytes) != entry.Crc32C)
            throw Fault($"is damaged at byte {entry.Offset} of shard {entry.ShardId}: its checksum does not fit; copy the folder again");
        return TfTensors.Read(type, shape, count, bytes, Fault);
    }

    public void Dispose()
    {
        foreach (var shard in _shards.Values)
            shard.Dispose();
    }

    private byte[] Bytes(BundleEntryProto entry, Func<string, Exception> fault)
    {
        if (entry.ShardId < 0 || entry.ShardId >= _shardCount)
            throw fault($"is in shard {entry.ShardId} of {_shardCount}; the index is damaged");
        if (!_shards.TryGetValue(entry.ShardId, out var shard))
        {
            var path = $"{_prefix}.data-{entry.ShardId:D5}-of-{_shardCount:D5}";
            if (!File.Exists(path))
                throw fault($"is in {Path.GetFileName(path)}, which is missing; copy the whole folder");
            _shards[entry.ShardId] = shard = File.OpenHandle(path);
        }
        // The length is known to be there before it is allocated.
        if (entry.Offset < 0 || entry.Size > RandomAccess.GetLength(shard) - entry.Offset)
            throw fault($"lies at byte {entry.Offset} of shard {entry.ShardId}, past its end; the file is cut short");
        var bytes = new byte[entry.Size];
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(shard, bytes.AsSpan(done), entry.Offset + done);
            done += read > 0 ? read : throw fault("cannot be read to its end");
        }
        return bytes;
    }
}
