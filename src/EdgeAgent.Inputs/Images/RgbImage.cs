namespace EdgeAgent.Inputs;

/// <summary>
/// An image of 8-bit RGB pixels, rows from the top, channels last: the value of channel c at (x, y) is
/// <c>Pixels[(y * Width + x) * 3 + c]</c>. Immutable by convention, so it may be read from any thread.
/// </summary>
public sealed class RgbImage
{
    public const int Channels = 3;

    /// <exception cref="ArgumentException">A side is not positive, or <paramref name="pixels"/> is not width x height x 3 long.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.LongLength != (long)width * height * Channels)
            throw new ArgumentException($"{width} x {height} pixels need {(long)width * height * Channels} bytes, not {pixels.LongLength}", nameof(pixels));
        (Width, Height, Pixels) = (width, height, pixels);
    }

    public int Width { get; }

    public int Height { get; }

    public byte[] Pixels { get; }
}
