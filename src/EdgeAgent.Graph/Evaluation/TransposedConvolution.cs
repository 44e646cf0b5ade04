using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>Transposed convolution by its definition: every plane of the output gathers from the planes of its group, in a fixed order.</summary>
internal static class TransposedConvolution
{
    /// <param name="x">[N, C, ...]</param>
    /// <param name="weights">[C, M / groups, ...kernel]</param>
    /// <param name="bias">[M] or null</param>
    /// <param name="y">[N, M, ...], written</param>
    public static void Run(ConvTranspose conv, Tensor x, Tensor weights, Tensor? bias, Tensor y, ParallelOptions parallel)
    {
        var plane = Plane.Of(conv.Window);
        var ((height, width), (outHeight, outWidth)) = (Plane.Sizes(x.Shape), Plane.Sizes(y.Shape));
        var (channels, outputs) = (x.Shape[1], y.Shape[1]);
        var (groupInputs, groupOutputs) = (channels / conv.Groups, outputs / conv.Groups);
        Parallel.For(0, x.Shape[0] * outputs, parallel, index =>
        {
            var (image, output) = (index / outputs, index % outputs);
            var target = y.Floats.AsSpan(index * outHeight * outWidth, outHeight * outWidth);
            target.Fill(bias?.Floats[output] ?? 0);
            var first = output / groupOutputs * groupInputs;
            for (var channel = first; channel < first + groupInputs; channel++)
            {
                var source = x.Floats.AsSpan((image * channels + channel) * height * width, height * width);
                var kernel = weights.Floats.AsSpan((channel * groupOutputs + output % groupOutputs) * plane.KernelSize, plane.KernelSize);
                for (var k = 0; k < kernel.Length; k++)
                    Add(source, kernel[k], plane, k / plane.KernelWidth * plane.DilationY - plane.Top, k % plane.KernelWidth * plane.DilationX - plane.Left, width, target, outWidth);
            }
        });
    }

    /// <summary>Adds a multiple of the input, spread by the strides and moved by (<paramref name="top"/>, <paramref name="left"/>), where it meets the output.</summary>
    private static void Add(ReadOnlySpan<float> source, float weight, Plane plane, int top, int left, int width, Span<float> target, int outWidth)
    {
        var from = left < 0 ? (-left + plane.StrideX - 1) / plane.StrideX : 0;
        var to = Math.Min(width, (outWidth - left + plane.StrideX - 1) / plane.StrideX);
        if (from >= to)
            return;
        for (var row = 0; row * width < source.Length; row++)
        {
            var at = row * plane.StrideY + top;
            if (at < 0 || (at + 1) * outWidth > target.Length)
                continue;
            var given = source.Slice(row * width, width)[from..to];
            var result = target.Slice(at * outWidth, outWidth)[(from * plane.StrideX + left)..];
            for (var i = 0; i < given.Length; i++)
                result[i * plane.StrideX] += given[i] * weight;
        }
    }
}
