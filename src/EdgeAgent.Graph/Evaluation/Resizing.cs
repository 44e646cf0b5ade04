using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Images of another size: every output position takes one or two input positions along each axis.</summary>
internal static class Resizing
{
    public static void Run(Resize resize, Tensor x, Tensor y, ParallelOptions parallel)
    {
        var (height, width) = Plane.Sizes(x.Shape);
        var (outHeight, outWidth) = Plane.Sizes(y.Shape);
        var rows = resize.Sizes.Length == 1 ? [new ResizePosition(0, 0, 0)] : ResizePositions.Of(resize, 0, height);
        var columns = ResizePositions.Of(resize, resize.Sizes.Length - 1, width);
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
}
