using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// Which bytes one output pixel multiplies: runs of neighbouring bytes relative to the window's first byte, in the
/// order of the weights [kh][kw][C]. Without dilation or groups a kernel row is one run; rows that touch are joined.
/// </summary>
internal readonly record struct Run(int Offset, int Length)
{
    public static List<Run> Of(PlanWindow window, int channels, int groups, int rowStride)
    {
        var perGroup = channels / groups;
        var joinsColumns = groups == 1 && (window.DilationX == 1 || window.KernelWidth == 1);
        var (columns, length) = joinsColumns ? (1, window.KernelWidth * channels) : (window.KernelWidth, perGroup);
        var runs = new List<Run>();
        for (var ky = 0; ky < window.KernelHeight; ky++)
            for (var kx = 0; kx < columns; kx++)
            {
                var offset = ky * window.DilationY * rowStride + kx * window.DilationX * channels;
                if (runs.Count > 0 && runs[^1].Offset + runs[^1].Length == offset)
                    runs[^1] = runs[^1] with { Length = runs[^1].Length + length };
                else
                    runs.Add(new(offset, length));
            }
        return runs;
    }
}
