using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Images of another size: every output position takes one or two input positions along each axis.</summary>
internal static class Resizing
{
    public static void Run(Resize resize, Tensor x, Tensor y, ParallelOptions parallel)
    {
        var (height, width) = Plane.Sizes(x.Shape);
        var (outHeight, outWidth) = Plane.Sizes(y.Shape);
        var rows = resize.Sizes.Length == 1 ? [new Position(0, 0, 0)] : Positions(resize, 0, height);
        var columns = Positions(resize, resize.Sizes.Length - 1, width);
        Parallel.For(0, x.Shape[0] * x.Shape[1], parallel, plane =>
        {
            var source = x.Floats.AsSpan(plane * height * width, height * width);
            var target = y.Floats.AsSpan(plane * outHeight * outWidth, outHeight * outWidth);
            for (var oy = 0; oy < outHeight; oy++)
            {
                var first = source.Slice(rows[oy].Low * width, width);
                var second = source.Slice(rows[oy].High * width, width);
                for (var ox = 0; ox < outWidth; ox++)
                {
                    var column = columns[ox];
                    var above = Mix(first[column.Low], first[column.High], column.Share);
                    var below = Mix(second[column.Low], second[column.High], column.Share);
                    target[oy * outWidth + ox] = Mix(above, below, rows[oy].Share);
                }
            }
        });
    }

    private static float Mix(float a, float b, float share) => share == 0 ? a : a * (1 - share) + b * share;

    private static Position[] Positions(Resize resize, int axis, int input)
    {
        var positions = new Position[resize.Sizes[axis]];
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

    private static double Source(Resize resize, int axis, int index, int input)
    {
        double scale = resize.Scales[axis];
        var size = resize.Sizes[axis];
        return resize.Coordinates switch
        {
            ResizeCoordinates.Asymmetric => index / scale,
            // The published tests divide by the unrounded length.
            ResizeCoordinates.AlignCorners => size == 1 ? 0 : index * (input - 1) / (input * scale - 1),
            ResizeCoordinates.PytorchHalfPixel when size == 1 => 0,
            _ => (index + 0.5) / scale - 0.5,
        };
    }

    /// <summary>Two neighbours and the share of the second.</summary>
    private readonly record struct Position(int Low, int High, float Share);
}
