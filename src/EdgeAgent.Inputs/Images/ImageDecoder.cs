using StbImageSharp;

namespace EdgeAgent.Inputs;

/// <summary>
/// Decodes JPEG, PNG and BMP to RGB with a managed decoder, so that training and every device see the same pixels.
/// Grey becomes three equal channels; alpha is dropped. Thread-safe.
/// </summary>
public static class ImageDecoder
{
    /// <summary>The most pixels an image may have; a larger one is refused from its header.</summary>
    public const int MaxPixels = 64 << 20;

    /// <summary>The longest image file that is looked at.</summary>
    public const int MaxFileBytes = 256 << 20;

    /// <exception cref="InputException">Not an image, damaged, truncated or too large.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> file) => Decode(file.ToArray());

    /// <inheritdoc cref="Decode(ReadOnlySpan{byte})"/>
    public static RgbImage Decode(byte[] file)
    {
        if (file.Length > MaxFileBytes)
            throw new InputException($"image file has {file.Length} bytes; at most {MaxFileBytes} are read");
        var header = ImageHeader.Read(file);
        if (header.Width < 1 || header.Height < 1)
            throw new InputException($"{header.Format} is damaged: size {header.Width} x {header.Height}");
        if ((long)header.Width * header.Height > MaxPixels)
            throw new InputException($"{header.Format} of {header.Width} x {header.Height} is too large: at most {MaxPixels} pixels are decoded; make it smaller");
        ImageResult decoded;
        try
        {
            decoded = ImageResult.FromMemory(file, ColorComponents.RedGreenBlue);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            throw new InputException($"{header.Format} does not decode: {OneLine(fault.Message)}", fault);
        }
        if (decoded.Width != header.Width || decoded.Height != header.Height)
            throw new InputException($"{header.Format} is damaged: its header says {header.Width} x {header.Height}, its pixels {decoded.Width} x {decoded.Height}");
        return new RgbImage(decoded.Width, decoded.Height, decoded.Data);
    }

    private static string OneLine(string? text) =>
        string.IsNullOrWhiteSpace(text) ? "unknown fault" : text.ReplaceLineEndings(" ");
}
