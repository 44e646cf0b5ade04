using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Data;

/// <summary>
/// Random crop from an image continued outwards by <paramref name="Margin"/> mirrored pixels, seen from either side. A view of an
/// image is a pure function of (seed, view, sample).
/// </summary>
/// <param name="Flip">Views 2k and 2k + 1 are the same crop, of which one, by chance, is mirrored.</param>
/// <param name="Mixup">
/// Share of the views that are mixed with a view of another image, by a part that is uniform in [0, 1/2] (Zhang et al., "mixup",
/// 2018, with alpha = 1).
/// </param>
public readonly record struct Augmentation(int Margin, bool Flip, double Mixup = 0)
{
    public static Augmentation None => new(0, false);

    /// <summary>An eighth of the shorter side, as is usual on small images (4 pixels of 32).</summary>
    public static Augmentation For(int width, int height) => new(Math.Max(1, Math.Min(width, height) / 8), true);

    /// <summary>Views that show the same crop.</summary>
    public int Sides => Flip ? 2 : 1;

    /// <summary>Which crop a view shows; that of the plain image, -1, is -1.</summary>
    public int CropOf(int view) => Flip ? view >> 1 : view;

    /// <summary>Writes a view of <paramref name="pixels"/> (RGB interleaved) to <paramref name="result"/> of equal size.</summary>
    /// <param name="random">Of the crop.</param>
    public void Apply(ReadOnlySpan<byte> pixels, int width, int height, int view, CounterRandom random, Span<byte> result)
    {
        if (Margin == 0 && !Flip)
        {
            pixels.CopyTo(result);
            return;
        }
        var left = random.Below(0, 2 * Margin + 1) - Margin;
        var top = random.Below(1, 2 * Margin + 1) - Margin;
        var flipped = Flip && ((random[2] + (ulong)view) & 1) != 0;
        for (var y = 0; y < height; y++)
        {
            var row = pixels.Slice(Mirror(y + top, height) * width * RgbImage.Channels, width * RgbImage.Channels);
            var to = y * width * RgbImage.Channels;
            for (var x = 0; x < width; x++, to += RgbImage.Channels)
            {
                var from = Mirror((flipped ? width - 1 - x : x) + left, width) * RgbImage.Channels;
                result[to] = row[from];
                result[to + 1] = row[from + 1];
                result[to + 2] = row[from + 2];
            }
        }
    }

    private static int Mirror(int position, int size)
    {
        if (size == 1)
            return 0;
        if (position < 0)
            position = -position;
        return position < size ? position : 2 * size - 2 - position;
    }
}
