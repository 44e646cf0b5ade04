using System.Buffers.Binary;
using System.Text;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>A group of an HDF5 file to be written.</summary>
internal sealed class Hdf5Group
{
    public SortedDictionary<string, Hdf5Group> Groups { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, Tensor> Datasets { get; } = new(StringComparer.Ordinal);

    /// <summary>A text, or a list of texts.</summary>
    public Dictionary<string, object> Attributes { get; } = [];

    /// <summary>The group at a path, made where it is not there.</summary>
    public Hdf5Group At(string path)
    {
        var group = this;
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            group = group.Groups.TryGetValue(name, out var inner) ? inner : group.Groups[name] = new();
        return group;
    }

    /// <summary>Puts a dataset at a path.</summary>
    public void Add(string path, Tensor tensor) =>
        At(path.Contains('/') ? path[..path.LastIndexOf('/')] : "").Datasets.Add(path[(path.LastIndexOf('/') + 1)..], tensor);
}

/// <summary>
/// Writes HDF5 in the form in which h5py does unless told otherwise, and so every Keras: superblock 0, object headers 1, groups
/// as symbol tables, contiguous datasets, texts of variable length in a global heap and lists of texts of fixed length. From
/// the published HDF5 File Format Specification, version 2.0; shares nothing with the library that reads.
/// </summary>
internal sealed class Hdf5Writer
{
    private const ulong Undefined = ulong.MaxValue;

    /// <summary>Half the entries of a symbol table node (the format's standard), and of a tree node: one takes all of a group's tables.</summary>
    private const int LeafK = 4, InternalK = 256;

    /// <summary>The format's least size of a global heap.</summary>
    private const int MinHeapBytes = 4096;

    private readonly MemoryStream _file = new();

    public static byte[] Write(Hdf5Group root)
    {
        var writer = new Hdf5Writer();
        writer.Reserve(96);
        var (header, tree, heap) = writer.Group(root);
        var superblock = new Block().Bytes([0x89, .. "HDF\r\n"u8, 0x1A, (byte)'\n']).Bytes([0, 0, 0, 0, 0, 8, 8, 0])
            .U16(LeafK).U16(InternalK).U32(0).U64(0).U64(Undefined).U64((ulong)writer._file.Length).U64(Undefined)
            .U64(0).U64(header).U32(1).U32(0).U64(tree).U64(heap);
        writer._file.Position = 0;
        writer._file.Write(superblock.Content);
        return writer._file.ToArray();
    }

    private (ulong Header, ulong Tree, ulong Heap) Group(Hdf5Group group)
    {
        var children = group.Groups.ToDictionary(g => g.Key, g => Group(g.Value).Header);
        foreach (var (name, tensor) in group.Datasets)
            children.Add(name, Dataset(tensor));
        var names = children.Keys.Order(StringComparer.Ordinal).ToList();

        // Link names, the empty one first; then tables of links and a tree with one node over them.
        var text = new Block().U64(0);
        var offsets = names.Select(name =>
        {
            var at = (ulong)text.Content.Length;
            text.Bytes([.. Encoding.UTF8.GetBytes(name), 0]).Align();
            return at;
        }).ToList();
        var segment = Append(text);
        var heap = Append(new Block().Bytes("HEAP\0\0\0\0"u8).U64((ulong)text.Content.Length).U64(1).U64(segment));
        // Between two tables stands the last name of the one before.
        var tables = new Block().U64(0);
        var count = 0;
        foreach (var part in Enumerable.Range(0, names.Count).Chunk(2 * LeafK))
        {
            var links = new Block().Bytes("SNOD\u0001\0"u8).U16(part.Length);
            foreach (var i in part)
                links.U64(offsets[i]).U64(children[names[i]]).U32(0).U32(0).U64(0).U64(0);
            tables.U64(Append(links)).U64(offsets[part[^1]]);
            count++;
        }
        var tree = Append(new Block().Bytes("TREE\0\0"u8).U16(count).U64(Undefined).U64(Undefined).Bytes(tables.Content));
        return (Header([(0x11, new Block().U64(tree).U64(heap)), .. group.Attributes.Select(a => (0x0C, Attribute(a.Key, a.Value)))]), tree, heap);
    }

    private ulong Dataset(Tensor tensor)
    {
        var bytes = new byte[tensor.Count * sizeof(float)];
        Buffer.BlockCopy(tensor.Floats, 0, bytes, 0, bytes.Length);
        var data = Append(new Block().Bytes(bytes));
        return Header(
            (0x01, Space(tensor.Shape)),
            // IEEE float, little-endian: sign at bit 31, exponent of 8 bits at 23 with bias 127.
            (0x03, new Block().Bytes([0x11, 0x20, 31, 0]).U32(4).U16(0).U16(32).Bytes([23, 8, 0, 23]).U32(127)),
            (0x05, new Block().Bytes([2, 2, 2, 0])),
            (0x08, new Block().Bytes([3, 1]).U64(data).U64((ulong)bytes.Length)));
    }

    private Block Attribute(string name, object value)
    {
        Block type, data;
        if (value is string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            // A reference into a heap of its own (length, address, object number); what is free in the heap is its object 0.
            var content = new Block().U16(1).U16(1).U32(0).U64((ulong)bytes.Length).Bytes(bytes).Align().Content;
            var free = Math.Max(16, MinHeapBytes - 16 - content.Length);
            var address = Append(new Block().Bytes("GCOL\u0001\0\0\0"u8).U64((ulong)(16 + content.Length + free)).Bytes(content).U64(0).U64((ulong)free).Bytes(new byte[free - 16]));
            (type, data) = (new Block().Bytes([0x19, 1, 1, 0]).U32(16).Bytes([0x10, 0, 0, 0]).U32(1).U16(0).U16(8), new Block().U32((uint)bytes.Length).U64(address).U32(1));
        }
        else
        {
            var texts = ((IReadOnlyList<string>)value).Select(Encoding.UTF8.GetBytes).ToList();
            var length = Math.Max(1, texts.Select(t => t.Length).DefaultIfEmpty().Max());
            (type, data) = (new Block().Bytes([0x13, 1, 0, 0]).U32((uint)length), new Block());
            foreach (var bytes in texts)
                data.Bytes([.. bytes, .. new byte[length - bytes.Length]]);
        }
        var space = Space(value is string ? [] : [((IReadOnlyList<string>)value).Count]);
        var label = new Block().Bytes([.. Encoding.UTF8.GetBytes(name), 0]);
        return new Block().Bytes([1, 0]).U16(label.Content.Length).U16(type.Content.Length).U16(space.Content.Length)
            .Bytes(label.Align().Content).Bytes(type.Align().Content).Bytes(space.Align().Content).Bytes(data.Content);
    }

    private static Block Space(int[] shape) => shape.Aggregate(new Block().Bytes([1, (byte)shape.Length, 0, 0, 0, 0, 0, 0]), (block, d) => block.U64((ulong)d));

    private ulong Header(params IReadOnlyList<(int Type, Block Message)> messages)
    {
        var body = new Block();
        foreach (var (type, message) in messages)
            body.U16(type).U16(message.Align().Content.Length).U32(0).Bytes(message.Content);
        return Append(new Block().Bytes([1, 0]).U16(messages.Count).U32(1).U32((uint)body.Content.Length).U32(0).Bytes(body.Content));
    }

    private ulong Append(Block block)
    {
        _file.Position = _file.Length;
        var at = (ulong)_file.Position;
        _file.Write(block.Align().Content);
        return at;
    }

    private void Reserve(int bytes) => _file.SetLength(bytes);

    /// <summary>Little-endian numbers one after the other.</summary>
    private sealed class Block
    {
        private readonly MemoryStream _bytes = new();

        public byte[] Content => _bytes.ToArray();

        public Block Bytes(ReadOnlySpan<byte> bytes)
        {
            _bytes.Write(bytes);
            return this;
        }

        public Block U16(int value) => Bytes([(byte)value, (byte)(value >> 8)]);

        public Block U32(uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            return Bytes(bytes);
        }

        public Block U64(ulong value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            return Bytes(bytes);
        }

        public Block Align() => Bytes(new byte[(8 - (int)_bytes.Length % 8) % 8]);
    }
}
