namespace EdgeAgent.Inputs;

/// <summary>
/// Bilinear resizing in integers, so that every processor computes the same bytes. Pixel centres are at half
/// coordinates (source = (target + 1/2) * in / out - 1/2, clamped at the edges), as in TensorFlow's and OpenCV's
/// bilinear resize; there is no low-pass filter when shrinking.
/// </summary>
public static class BilinearResize
{
    private const int FractionBits = 11;
    private const int One = 1 << FractionBits;

    /// <returns><paramref name="image"/> itself when it already has the size asked for.</returns>
    public static RgbImage Resize(RgbImage image, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (image.Width == width && image.Height == height)
            return image;

        var columns = Taps(image.Width, width);
        var rows = Taps(image.Height, height);
        var source = image.Pixels;
        var target = new byte[checked(width * height * RgbImage.Channels)];
        var stride = image.Width * RgbImage.Channels;
        var at = 0;
        foreach (var row in rows)
        {
            var upper = row.First * stride;
            var lower = row.Second * stride;
            foreach (var column in columns)
            {
                var left = column.First * RgbImage.Channels;
                var right = column.Second * RgbImage.Channels;
                for (var c = 0; c < RgbImage.Channels; c++)
                {
                    var top = source[upper + left + c] * (One - column.Weight) + source[upper + right + c] * column.Weight;
                    var bottom = source[lower + left + c] * (One - column.Weight) + source[lower + right + c] * column.Weight;
                    // 8 + 11 + 11 bits fit an int; adding a half rounds to nearest.
                    var sum = top * (One - row.Weight) + bottom * row.Weight;
                    target[at++] = (byte)((sum + (1 << (2 * FractionBits - 1))) >> (2 * FractionBits));
                }
            }
        }
        return new RgbImage(width, height, target);
    }

    private static Tap[] Taps(int input, int output)
    {
        var taps = new Tap[output];
        for (var i = 0; i < output; i++)
        {
            // ((2i + 1) * in - out) / (2 * out) is the source coordinate as an exact fraction.
            var numerator = Math.Max(0, (2L * i + 1) * input - output);
            var denominator = 2L * output;
            var first = (int)Math.Min(numerator / denominator, input - 1);
            var second = Math.Min(first + 1, input - 1);
            var weight = (int)((numerator - first * denominator) * One / denominator);
            taps[i] = new Tap(first, second, second == first ? 0 : weight);
        }
        return taps;
    }

    /// <summary>Two source positions and the second one's share, in 1/2048.</summary>
    private readonly record struct Tap(int First, int Second, int Weight);
}
