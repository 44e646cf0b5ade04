using System.Text;
using Google.FlatBuffers;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>The bytes of a flatbuffer, and how many of them may still be copied out.</summary>
internal sealed class FlatFile
{
    private readonly byte[] _bytes;
    private readonly ByteBuffer _buffer;

    // Tables of a flatbuffer may be shared, so a small file can describe an absurdly large model. No writer shares this much.
    private long _budget;

    public FlatFile(byte[] bytes)
    {
        (_bytes, _buffer) = (bytes, new ByteBuffer(bytes));
        _budget = 8L * bytes.Length + (1 << 20);
    }

    public int Length => _bytes.Length;

    public FlatTable Root() => new(this, Follow(0));

    public int Int(long at) => _buffer.GetInt(Check(at, 4));

    public ushort UShort(long at) => _buffer.GetUshort(Check(at, 2));

    public byte Byte(long at) => _buffer.Get(Check(at, 1));

    public long Long(long at) => _buffer.GetLong(Check(at, 8));

    public float Float(long at) => _buffer.GetFloat(Check(at, 4));

    /// <summary>Where the unsigned offset at <paramref name="at"/> leads.</summary>
    public long Follow(long at) => at + (uint)Int(at);

    public ReadOnlyMemory<byte> Slice(long at, long length) => _bytes.AsMemory(Check(at, length), (int)length);

    /// <summary>Accounts for <paramref name="bytes"/> that are copied.</summary>
    public void Spend(long bytes)
    {
        if ((_budget -= bytes) < 0)
            throw new ImportFault("its tables share more data than any writer does; the file is damaged");
    }

    private int Check(long at, long length)
    {
        if (at < 0 || length < 0 || at > _bytes.Length - length)
            throw new ImportFault($"offset {at} points outside of its {_bytes.Length} bytes; the file is damaged or cut short");
        return (int)at;
    }
}

/// <summary>A table of a flatbuffer: fields by their published ids, every offset checked.</summary>
internal readonly struct FlatTable
{
    private readonly FlatFile _file;
    private readonly long _position;
    private readonly long _fields;
    private readonly int _fieldsBytes;

    public FlatTable(FlatFile file, long position)
    {
        (_file, _position) = (file, position);
        _fields = position - file.Int(position);
        _fieldsBytes = file.UShort(_fields);
        file.Slice(_fields, _fieldsBytes);
    }

    public int Int(int id, int otherwise = 0) => At(id) is { } at ? _file.Int(at) : otherwise;

    public byte Byte(int id, byte otherwise = 0) => At(id) is { } at ? _file.Byte(at) : otherwise;

    public bool Flag(int id) => Byte(id) != 0;

    public long Long(int id) => At(id) is { } at ? _file.Long(at) : 0;

    public float Float(int id, float otherwise = 0) => At(id) is { } at ? _file.Float(at) : otherwise;

    public string String(int id) => At(id) is { } at ? Text(_file.Follow(at)) : "";

    public FlatTable? Table(int id) => At(id) is { } at ? new FlatTable(_file, _file.Follow(at)) : null;

    public FlatTable[] Tables(int id)
    {
        if (Vector(id, 4) is not var (start, count))
            return [];
        var tables = new FlatTable[count];
        for (var i = 0; i < count; i++)
            tables[i] = new(_file, _file.Follow(start + 4L * i));
        return tables;
    }

    /// <summary>Null where the field is absent.</summary>
    public int[]? Ints(int id) => Values(id, 4, _file.Int);

    public int[]? UShorts(int id) => Values(id, 2, UShort);

    public float[]? Floats(int id) => Values(id, 4, _file.Float);

    public long[]? Longs(int id) => Values(id, 8, _file.Long);

    public ReadOnlyMemory<byte> Bytes(int id) => Vector(id, 1) is var (start, count) ? _file.Slice(start, count) : default;

    private int UShort(long at) => _file.UShort(at);

    private T[]? Values<T>(int id, int size, Func<long, T> read)
    {
        if (Vector(id, size) is not var (start, count))
            return null;
        var values = new T[count];
        for (var i = 0; i < count; i++)
            values[i] = read(start + (long)size * i);
        return values;
    }

    private (long Start, int Count)? Vector(int id, int size)
    {
        if (At(id) is not { } at)
            return null;
        var start = _file.Follow(at);
        var count = (uint)_file.Int(start);
        _file.Slice(start + 4, (long)count * size);
        // Byte vectors are not copied, only looked at.
        if (size > 1)
            _file.Spend((long)count * size);
        return (start + 4, (int)count);
    }

    private string Text(long at)
    {
        var length = (uint)_file.Int(at);
        var bytes = _file.Slice(at + 4, length);
        _file.Spend(length);
        return Encoding.UTF8.GetString(bytes.Span);
    }

    /// <summary>Where the field lies; null if the table leaves it at its default.</summary>
    private long? At(int id)
    {
        var slot = 4 + 2 * id;
        if (slot + 2 > _fieldsBytes)
            return null;
        var offset = _file.UShort(_fields + slot);
        return offset == 0 ? null : _position + offset;
    }
}
