using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace EdgeAgent.Inputs;

/// <summary>Where a file of a tar archive lies.</summary>
internal readonly record struct TarPlace(long Offset, int Length);

/// <summary>Goes once through a tar archive, from header to header, without reading what lies between.</summary>
internal static class TarIndexer
{
    /// <summary>Longest name, and longest block of pax attributes, that is read.</summary>
    private const int MaxAttributeBytes = 1 << 20;

    /// <param name="path">For messages: the archive the user named.</param>
    /// <exception cref="InputException">Cut off, damaged, or with entries that a data set does not have; one line.</exception>
    public static ArchiveIndex<TarPlace> Run(string path, SafeFileHandle file)
    {
        var index = new ArchiveIndex<TarPlace>(path);
        var length = RandomAccess.GetLength(file);
        var block = new byte[TarHeader.BlockSize];
        // What an entry says about the next one: its name and its size.
        string? name = null;
        long? size = null;
        long position = 0;
        while (true)
        {
            if (position + TarHeader.BlockSize > length)
                throw new InputException($"{path}: the tar archive is cut off: it ends at byte {length} without its end mark; copy or make it again");
            Read(file, block, position);
            if (block.AsSpan().IndexOfAnyExcept((byte)0) < 0)
                return index;
            if (!TarHeader.TryRead(block, out var header))
                throw new InputException($"{path}: the tar archive is damaged: there is no header at byte {position}; make it again");
            var data = position + TarHeader.BlockSize;
            var entry = header with { Name = name ?? header.Name, Size = size is { } given && header.Type is not ('x' or 'g' or 'L' or 'K') ? given : header.Size };
            if (entry.PaddedSize < 0 || entry.Size > length - data)
                throw new InputException($"{path}: entry '{entry.Name}' claims {entry.Size} bytes, the archive has {length - data} left: it is cut off or damaged; copy or make it again");
            switch (header.Type)
            {
                case 'L':
                    name = TarHeader.Text(Attributes(path, file, entry, data));
                    break;
                case 'x':
                    (name, size) = Pax(path, Attributes(path, file, entry, data), name, size);
                    break;
                case 'g' or 'K' or 'V':
                    break;
                case '5':
                    index.Add(entry.Name + '/', 0, default);
                    (name, size) = (null, null);
                    break;
                case '1' or '2':
                    throw new InputException($"{path}: entry '{entry.Name}' is a link; make the archive with tar --dereference --hard-dereference, so that it holds the files themselves");
                case var _ when header.IsFile:
                    // Old archives mark folders by a slash alone.
                    index.Add(entry.Name, entry.Size, new TarPlace(data, (int)Math.Min(entry.Size, int.MaxValue)));
                    (name, size) = (null, null);
                    break;
                default:
                    throw new InputException($"{path}: entry '{entry.Name}' is of type '{Printable(header.Type)}' (a device, a sparse file, or the like); make the archive of plain files and folders");
            }
            position = data + entry.PaddedSize;
        }
    }

    private static byte[] Attributes(string path, SafeFileHandle file, TarHeader entry, long data)
    {
        if (entry.Size > MaxAttributeBytes)
            throw new InputException($"{path}: a name or attributes of {entry.Size} bytes at byte {data}; at most {MaxAttributeBytes} are read; make the archive again");
        var bytes = new byte[entry.Size];
        Read(file, bytes, data);
        return bytes;
    }

    /// <summary>Records "LENGTH KEY=VALUE\n", LENGTH counting all of it (POSIX.1-2001).</summary>
    private static (string? Name, long? Size) Pax(string path, ReadOnlySpan<byte> records, string? name, long? size)
    {
        while (records.Length > 0)
        {
            var space = records.IndexOf((byte)' ');
            if (space < 1 || space > 9 || !int.TryParse(records[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length <= space + 1 || length > records.Length)
                throw new InputException($"{path}: the tar archive has a damaged pax header; make it again");
            var record = records[(space + 1)..(length - 1)];
            var sign = record.IndexOf((byte)'=');
            var (key, value) = sign < 0 ? ("", "") : (Encoding.UTF8.GetString(record[..sign]), TarHeader.Text(record[(sign + 1)..]));
            if (key == "path")
                name = value;
            else if (key == "size")
                size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : throw new InputException($"{path}: the tar archive has a pax header with the size '{value}'; make it again");
            else if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
                throw new InputException($"{path}: entry '{name}' is a sparse file; make the archive without tar --sparse");
            records = records[length..];
        }
        return (name, size);
    }

    private static void Read(SafeFileHandle file, Span<byte> target, long position)
    {
        while (target.Length > 0)
        {
            var read = RandomAccess.Read(file, target, position);
            if (read == 0)
                throw new EndOfStreamException($"the archive ends at byte {position}; it became shorter while it was read");
            target = target[read..];
            position += read;
        }
    }

    private static char Printable(char type) => type is >= ' ' and <= '~' ? type : '?';
}
