namespace EdgeAgent.Graph.Ir;

/// <summary>What one position of a resized axis is made of: the elements at two positions of the input, and the share of the second.</summary>
public readonly record struct ResizePosition(int Low, int High, float Share);

/// <summary>The rules by which <see cref="Resize"/> finds its elements.</summary>
public static class ResizePositions
{
    /// <summary>One entry for each position of the output along an axis.</summary>
    /// <param name="axis">Index into <see cref="Resize.Sizes"/>.</param>
    /// <param name="input">Size of the input along it.</param>
    public static ResizePosition[] Of(Resize resize, int axis, int input)
    {
        var positions = new ResizePosition[resize.Sizes[axis]];
        for (var i = 0; i < positions.Length; i++)
        {
            var at = Source(resize, axis, i, input);
            if (resize.Rounding == ResizeRounding.Linear)
            {
                at = Math.Clamp(at, 0, input - 1);
                var low = (int)Math.Floor(at);
                positions[i] = new(low, Math.Min(low + 1, input - 1), (float)(at - low));
                continue;
            }
            var rounded = resize.Rounding switch
            {
                ResizeRounding.RoundPreferFloor => Math.Ceiling(at - 0.5),
                ResizeRounding.RoundPreferCeil => Math.Floor(at + 0.5),
                ResizeRounding.Floor => Math.Floor(at),
                _ => Math.Ceiling(at),
            };
            var index = (int)Math.Clamp(rounded, 0, input - 1);
            positions[i] = new(index, index, 0);
        }
        return positions;
    }

    /// <summary>
    /// In float32, as runtimes divide: a third is stored as 0.33333334, by which 1 is 3 again in float32 and 2.9999999 in double,
    /// one element too early.
    /// </summary>
    private static double Source(Resize resize, int axis, int index, int input)
    {
        var (scale, size) = (resize.Scales[axis], resize.Sizes[axis]);
        return resize.Coordinates switch
        {
            ResizeCoordinates.Asymmetric => index / scale,
            ResizeCoordinates.AlignCorners => size == 1 ? 0 : (double)index * (input - 1) / (Length(input, scale, size) - 1),
            ResizeCoordinates.PytorchHalfPixel when size == 1 => 0,
            _ => (index + 0.5f) / scale - 0.5f,
        };
    }

    /// <summary>The published tests take the unrounded length; one that misses the size by the scale's own rounding is the size.</summary>
    private static double Length(int input, float scale, int size)
    {
        var length = input * (double)scale;
        return Math.Abs(length - size) < 1e-6 * size ? size : length;
    }
}
