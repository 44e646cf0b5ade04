namespace EdgeAgent.Inputs;

/// <summary>
/// Images made of nothing: discs of random colours lying on one another, radii by a power law. Edges, flat areas and occlusion
/// at every scale give them the statistics of photographs (Lee, Mumford and Huang, "Occlusion Models for Natural Images", 2001),
/// which noise does not have; so they can stand in where a model's own images are not at hand.
/// </summary>
public static class DeadLeaves
{
    private const int Leaves = 400;

    /// <summary>Smallest and largest radius, of the longer side.</summary>
    private const double Smallest = 0.02, Largest = 0.6;

    /// <returns>The same image for the same numbers.</returns>
    public static RgbImage Create(int width, int height, int seed)
    {
        var random = new Random(seed);
        var pixels = new byte[checked(width * height * RgbImage.Channels)];
        var side = Math.Max(width, height);
        // Photographs differ in brightness and contrast as a whole.
        double brightness = 0.25 + 0.5 * random.NextDouble(), contrast = 0.15 + 0.35 * random.NextDouble();
        Span<byte> colour = stackalloc byte[RgbImage.Channels];
        for (var leaf = 0; leaf < Leaves; leaf++)
        {
            // The density of radii falls with the cube; the first leaf covers everything.
            double low = 1 / (Smallest * Smallest), high = 1 / (Largest * Largest);
            var radius = leaf == 0 ? 2 * side : side / Math.Sqrt(low - random.NextDouble() * (low - high));
            double left = random.NextDouble() * width, top = random.NextDouble() * height;
            var tone = brightness + contrast * (2 * random.NextDouble() - 1);
            foreach (ref var c in colour)
                c = (byte)Math.Clamp(255 * (tone + contrast * (random.NextDouble() - 0.5)), 0, 255);
            Fill(pixels, width, height, left, top, radius, colour);
        }
        return new RgbImage(width, height, pixels);
    }

    private static void Fill(byte[] pixels, int width, int height, double left, double top, double radius, ReadOnlySpan<byte> colour)
    {
        for (var y = Math.Max(0, (int)(top - radius)); y < Math.Min(height, top + radius + 1); y++)
        {
            var half = Math.Sqrt(Math.Max(0, radius * radius - (y - top) * (y - top)));
            for (var x = Math.Max(0, (int)Math.Ceiling(left - half)); x < Math.Min(width, left + half); x++)
                colour.CopyTo(pixels.AsSpan((y * width + x) * RgbImage.Channels));
        }
    }
}
