using System.Buffers.Binary;
using System.IO.Compression;
using EdgeAgent.Inputs;
using FsCheck;
using FsCheck.Xunit;
using Xunit;

namespace EdgeAgent.Tests.Inputs;

public sealed class ImageDecoderTests
{
    [Fact]
    public void Png_WrittenFromPixels_DecodesToTheSamePixels()
    {
        var image = TestImages.Gradient(13, 7);
        var decoded = ImageDecoder.Decode(TestImages.Png(image));
        Assert.Equal((13, 7), (decoded.Width, decoded.Height));
        Assert.Equal(image.Pixels, decoded.Pixels);
    }

    [Fact]
    public void Bmp_WrittenFromPixels_DecodesToTheSamePixels()
    {
        var image = TestImages.Gradient(5, 9);
        Assert.Equal(image.Pixels, ImageDecoder.Decode(TestImages.Bmp(image)).Pixels);
    }

    [Fact]
    public void Jpeg_OfOneColour_DecodesToThatColour()
    {
        var image = new RgbImage(16, 16, Enumerable.Repeat((byte)100, 16 * 16 * 3).ToArray());
        var decoded = ImageDecoder.Decode(TestImages.Jpeg(image).AsSpan());
        Assert.All(decoded.Pixels, value => Assert.InRange(value, 98, 102));
    }

    [Fact]
    public void Jpeg_WithoutItsEnd_IsRefusedAsTruncated()
    {
        var file = TestImages.Jpeg(TestImages.Gradient(32, 32));
        var fault = Assert.Throws<InputException>(() => ImageDecoder.Decode(file[..^20]));
        Assert.Contains("truncated", fault.Message);
    }

    [Fact]
    public void Png_WithoutItsEnd_IsRefusedAsTruncated()
    {
        var file = TestImages.Png(TestImages.Gradient(32, 32));
        var fault = Assert.Throws<InputException>(() => ImageDecoder.Decode(file[..^20]));
        Assert.Contains("truncated", fault.Message);
    }

    [Fact]
    public void Bmp_WithoutItsEnd_IsRefusedAsTruncated()
    {
        var file = TestImages.Bmp(TestImages.Gradient(32, 32));
        Assert.Contains("truncated", Assert.Throws<InputException>(() => ImageDecoder.Decode(file[..^20])).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("hello")]
    [InlineData("GIF89a and so on")]
    public void File_OfAnotherKind_IsRefusedInOneLine(string content)
    {
        var fault = Assert.Throws<InputException>(() => ImageDecoder.Decode(System.Text.Encoding.ASCII.GetBytes(content)));
        Assert.DoesNotContain('\n', fault.Message);
    }

    [Fact]
    public void Png_WhoseHeaderAnnouncesTooManyPixels_IsRefusedBeforeDecoding()
    {
        var file = TestImages.Png(TestImages.Gradient(4, 4));
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(16), 60_000);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(20), 60_000);
        Assert.Contains("too large", Assert.Throws<InputException>(() => ImageDecoder.Decode(file)).Message);
    }

    [Fact]
    public void Png_WithAChunkLongerThanTheFile_IsRefusedWithoutAllocatingIt()
    {
        var file = TestImages.Png(TestImages.Gradient(4, 4));
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(33), 1 << 29);
        Assert.Contains("longer than the file", Assert.Throws<InputException>(() => ImageDecoder.Decode(file)).Message);
    }

    [Fact]
    public void Png_ThatUnpacksToFarMoreThanItsPixels_IsRefusedAsABomb()
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            zlib.Write(new byte[100 << 20]);
        using var file = new MemoryStream();
        var header = TestImages.Png(TestImages.Gradient(4, 4)).AsSpan(0, 33); // signature and header chunk
        file.Write(header);
        WriteChunk(file, "IDAT"u8, packed.ToArray());
        WriteChunk(file, "IEND"u8, []);
        Assert.Contains("bomb", Assert.Throws<InputException>(() => ImageDecoder.Decode(file.ToArray())).Message);
    }

    [Property(MaxTest = 300)]
    public bool Jpeg_WithAnyByteChanged_DecodesOrIsRefusedInOneLine(int position, byte value) =>
        DecodesOrIsRefused(TestImages.Jpeg(TestImages.Gradient(24, 24)), position, value);

    [Property(MaxTest = 300)]
    public bool Png_WithAnyByteChanged_DecodesOrIsRefusedInOneLine(int position, byte value) =>
        DecodesOrIsRefused(TestImages.Png(TestImages.Gradient(24, 24)), position, value);

    private static bool DecodesOrIsRefused(byte[] file, int position, byte value)
    {
        file[(int)((uint)position % file.Length)] = value;
        try
        {
            return ImageDecoder.Decode(file).Pixels.Length > 0;
        }
        catch (InputException fault)
        {
            return fault.Message.Length > 0 && !fault.Message.Contains('\n');
        }
    }

    private static void WriteChunk(Stream stream, ReadOnlySpan<byte> type, byte[] body)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, body.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(body);
        stream.Write(stackalloc byte[4]); // the checksum comes after the size check, so it need not be right
    }
}
