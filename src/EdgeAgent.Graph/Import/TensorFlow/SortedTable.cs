using System.Buffers.Binary;
using System.Numerics;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// Reads the sorted string table (LevelDB's table format) that the index of a tensor bundle is: blocks of keys that share
/// prefixes, an index block that points to them, and a footer. Every block is checked against its CRC.
/// </summary>
internal static class SortedTable
{
    private const int FooterBytes = 48, TrailerBytes = 5, HandlesBytes = 40;
    private const ulong Magic = 0xdb4775248b80fb57;

    /// <summary>A value this long is no entry of a bundle; keys are names of variables.</summary>
    private const int MaxKeyBytes = 1 << 16;

    public static IEnumerable<(string Key, ReadOnlyMemory<byte> Value)> Read(ReadOnlyMemory<byte> file)
    {
        if (file.Length < FooterBytes || BinaryPrimitives.ReadUInt64LittleEndian(file.Span[^8..]) != Magic)
            throw new ImportFault("is no index of a tensor bundle, or is cut short");
        var footer = new Reader(file[^FooterBytes..^(FooterBytes - HandlesBytes)]);
        footer.Handle();
        foreach (var (_, handle) in Entries(Block(file, footer.Handle())))
            foreach (var (key, value) in Entries(Block(file, new Reader(handle).Handle())))
                yield return (System.Text.Encoding.UTF8.GetString(key), value);
    }

    private static ReadOnlyMemory<byte> Block(ReadOnlyMemory<byte> file, (long Offset, long Size) handle)
    {
        if (handle.Offset < 0 || handle.Size < 4 || handle.Offset > file.Length || handle.Size > file.Length - TrailerBytes - handle.Offset)
            throw new ImportFault($"points to a block at byte {handle.Offset} that the {file.Length} bytes of the index do not hold; it is damaged");
        var block = file.Slice((int)handle.Offset, (int)handle.Size + TrailerBytes);
        var stored = BinaryPrimitives.ReadUInt32LittleEndian(block.Span[^4..]);
        if (Checksum.Masked(block.Span[..^4]) != stored)
            throw new ImportFault($"is damaged in the block at byte {handle.Offset}: its checksum does not fit");
        if (block.Span[(int)handle.Size] != 0)
            throw new ImportFault("is compressed, which TensorFlow does not write and EdgeAgent does not read");
        return block[..(int)handle.Size];
    }

    private static IEnumerable<(byte[] Key, ReadOnlyMemory<byte> Value)> Entries(ReadOnlyMemory<byte> block)
    {
        var restarts = BinaryPrimitives.ReadUInt32LittleEndian(block.Span[^4..]);
        if (restarts > (block.Length - 4) / 4)
            throw new ImportFault("has a block with an impossible number of restarts; it is damaged");
        var reader = new Reader(block[..(block.Length - 4 - 4 * (int)restarts)]);
        byte[] key = [];
        while (!reader.AtEnd)
        {
            var (shared, fresh, length) = (reader.Length(), reader.Length(), reader.Length());
            if (shared > key.Length || fresh > MaxKeyBytes)
                throw new ImportFault("has a key that does not continue the one before it; it is damaged");
            key = [.. key[..shared], .. reader.Bytes(fresh).Span];
            yield return (key, reader.Bytes(length));
        }
    }

    private sealed class Reader(ReadOnlyMemory<byte> bytes)
    {
        private int _at;

        public bool AtEnd => _at >= bytes.Length;

        public (long Offset, long Size) Handle() => ((long)Varint(), (long)Varint());

        public int Length() => Varint() is <= int.MaxValue and var length ? (int)length : throw CutShort();

        public ReadOnlyMemory<byte> Bytes(int count)
        {
            if (count > bytes.Length - _at)
                throw CutShort();
            _at += count;
            return bytes.Slice(_at - count, count);
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64 && _at < bytes.Length; shift += 7)
            {
                var next = bytes.Span[_at++];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                    return value;
            }
            throw CutShort();
        }

        private static ImportFault CutShort() => new("has an entry that runs past the end of its block; it is damaged");
    }

    /// <summary>CRC-32C, stored rotated and shifted so that a CRC of data that holds CRCs stays sound (LevelDB's masking).</summary>
    public static class Checksum
    {
        public static uint Masked(ReadOnlySpan<byte> bytes)
        {
            var crc = ~0u;
            for (; bytes.Length >= 8; bytes = bytes[8..])
                crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            foreach (var value in bytes)
                crc = BitOperations.Crc32C(crc, value);
            crc = ~crc;
            return (crc >> 15 | crc << 17) + 0xa282ead8;
        }
    }
}
