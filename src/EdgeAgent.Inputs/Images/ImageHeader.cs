using System.Buffers.Binary;
using System.IO.Compression;

namespace EdgeAgent.Inputs;

/// <summary>
/// What an image file says about itself, read before anything is allocated for its pixels: the format by content,
/// the size, and whether the file is whole.
/// </summary>
internal readonly record struct ImageHeader(string Format, int Width, int Height)
{
    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <exception cref="InputException">Unknown format, damaged header, truncated file.</exception>
    public static ImageHeader Read(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(PngSignature))
            return Png(file);
        if (file.Length > 2 && file[0] == 0xFF && file[1] == 0xD8)
            return Jpeg(file);
        if (file.Length > 2 && file[0] == 'B' && file[1] == 'M')
            return Bmp(file);
        throw new InputException(file.IsEmpty
            ? "image file is empty"
            : "not an image this program reads; use JPEG, PNG or BMP");
    }

    private static ImageHeader Jpeg(ReadOnlySpan<byte> file)
    {
        ImageHeader? size = null;
        var at = 2;
        while (at + 4 <= file.Length)
        {
            if (file[at] != 0xFF)
                throw new InputException($"JPEG is damaged: no marker at byte {at}");
            var marker = file[at + 1];
            if (marker == 0xFF) // fill byte
            {
                at++;
                continue;
            }
            if (marker is 0x01 or (>= 0xD0 and <= 0xD7)) // markers without a length
            {
                at += 2;
                continue;
            }
            var length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            var isFrame = marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);
            if (isFrame && at + 9 <= file.Length)
                size = new ImageHeader("JPEG", BinaryPrimitives.ReadUInt16BigEndian(file[(at + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(file[(at + 5)..]));
            if (marker == 0xDA) // start of scan; from here on 0xFF is escaped, so the end marker is unambiguous
            {
                if (file[at..].LastIndexOf([(byte)0xFF, (byte)0xD9]) < 0)
                    throw new InputException("JPEG is truncated: its end marker is missing");
                return size ?? throw new InputException("JPEG is damaged: pixels come before the frame header");
            }
            at += 2 + length;
        }
        throw new InputException("JPEG is truncated: it ends before its pixels");
    }

    private static ImageHeader Png(ReadOnlySpan<byte> file)
    {
        ImageHeader? size = null;
        long expected = 0;
        var data = new List<Range>();
        long dataBytes = 0;
        var at = PngSignature.Length;
        while (at + 12 <= file.Length)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            var type = file.Slice(at + 4, 4);
            if (length > file.Length - at - 12)
                throw new InputException($"PNG is truncated: a chunk at byte {at} is longer than the file");
            var body = file.Slice(at + 8, (int)length);
            if (type.SequenceEqual("IHDR"u8) && length >= 13)
            {
                var width = BinaryPrimitives.ReadUInt32BigEndian(body);
                var height = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
                size = new ImageHeader("PNG", (int)Math.Min(width, int.MaxValue), (int)Math.Min(height, int.MaxValue));
                // At most four channels of two bytes, one filter byte a row, and as much again for interlacing.
                expected = ((long)width * 8 + 1) * height * 2 + 1024;
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                data.Add((at + 8)..(at + 8 + (int)length));
                dataBytes += length;
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                if (size is not { } found)
                    throw new InputException("PNG is damaged: it has no header chunk");
                // Deflate expands at most 1032 times; only a file that could exceed its own pixels is unpacked to see.
                if (dataBytes * 1032 > Math.Max(expected, 64L << 20) && Unpacks(file, data) > expected)
                    throw new InputException("PNG is a decompression bomb: it unpacks to more than its pixels need");
                return found;
            }
            at += 12 + (int)length;
        }
        throw new InputException("PNG is truncated: its end chunk is missing");

        long Unpacks(ReadOnlySpan<byte> bytes, List<Range> parts)
        {
            var packed = new MemoryStream();
            foreach (var part in parts)
                packed.Write(bytes[part]);
            packed.Position = 0;
            return BoundedStream.Measure(new ZLibStream(packed, CompressionMode.Decompress), expected);
        }
    }

    private static ImageHeader Bmp(ReadOnlySpan<byte> file)
    {
        if (file.Length < 54)
            throw new InputException("BMP is truncated: it ends within its header");
        var width = BinaryPrimitives.ReadInt32LittleEndian(file[18..]);
        var height = BinaryPrimitives.ReadInt32LittleEndian(file[22..]);
        var bits = BinaryPrimitives.ReadUInt16LittleEndian(file[28..]);
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(file[10..]);
        if (width <= 0 || height is 0 or int.MinValue)
            throw new InputException($"BMP is damaged: size {width} x {height}");
        var rows = Math.Abs(height);
        var stride = ((long)width * bits + 31) / 32 * 4;
        if (offset + stride * rows > file.Length)
            throw new InputException("BMP is truncated: it ends before its pixels do");
        return new ImageHeader("BMP", width, rows);
    }
}
