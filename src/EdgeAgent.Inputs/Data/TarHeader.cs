using System.Text;

namespace EdgeAgent.Inputs;

/// <summary>One 512-byte header of a tar archive: ustar, with GNU's and star's way to write large numbers.</summary>
/// <param name="Name">With its prefix; what a preceding long-name or pax entry says is not in it yet.</param>
/// <param name="Size">Bytes of data that follow.</param>
/// <param name="Type">'0' or NUL: file, '5': folder, '1' and '2': links, 'x', 'g', 'L', 'K': about the next entry.</param>
internal readonly record struct TarHeader(string Name, long Size, char Type)
{
    public const int BlockSize = 512;

    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: false);

    public bool IsFile => Type is '0' or '\0' or '7';

    /// <summary>Blocks from header to header, in bytes.</summary>
    public long PaddedSize => (Size + BlockSize - 1) / BlockSize * BlockSize;

    /// <returns>False where the checksum is not that of the block: it is no header.</returns>
    public static bool TryRead(ReadOnlySpan<byte> block, out TarHeader header)
    {
        header = default;
        if (Number(block.Slice(148, 8)) is not { } expected || Number(block.Slice(124, 12)) is not { } size)
            return false;
        // The sum of all bytes, those of the checksum itself as if they were spaces. Some old programs summed signed bytes.
        long unsigned = 0, signed = 0;
        for (var i = 0; i < BlockSize; i++)
        {
            var value = i is >= 148 and < 156 ? (byte)' ' : block[i];
            (unsigned, signed) = (unsigned + value, signed + (sbyte)value);
        }
        if (expected != unsigned && expected != signed)
            return false;
        var name = Text(block[..100]);
        // GNU's own format has times where POSIX has the prefix; its magic ends in spaces.
        var prefix = block.Slice(257, 6).SequenceEqual("ustar\0"u8) ? Text(block.Slice(345, 155)) : "";
        header = new TarHeader(prefix.Length > 0 ? $"{prefix}/{name}" : name, size, (char)block[156]);
        return true;
    }

    public static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return Utf8.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>Octal digits, or with the top bit set a big-endian number; null where it is neither, negative, or too large.</summary>
    private static long? Number(ReadOnlySpan<byte> field)
    {
        long value = 0;
        if ((field[0] & 0x80) != 0)
        {
            if (field[0] != 0x80)
                return null;
            foreach (var part in field[1..])
            {
                if (value > long.MaxValue >> 9)
                    return null;
                value = value << 8 | part;
            }
            return value;
        }
        var digits = field.Trim(" \0"u8);
        foreach (var digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return null;
            value = value << 3 | (long)(digit - '0');
        }
        return value;
    }
}
