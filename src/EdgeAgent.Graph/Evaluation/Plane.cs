using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>A <see cref="Window"/> over two spatial axes; one axis becomes a width under a height of 1.</summary>
internal readonly record struct Plane(
    int KernelHeight, int KernelWidth, int StrideY, int StrideX, int DilationY, int DilationX, int Top, int Left, int Bottom, int Right)
{
    public int KernelSize => KernelHeight * KernelWidth;

    /// <summary>A 1 x 1 kernel with stride 1.</summary>
    public bool IsPoint => (KernelHeight, KernelWidth, StrideY, StrideX) == (1, 1, 1, 1);

    public static Plane Of(Window window) => window.Kernel.Length == 1
        ? new(1, window.Kernel[0], 1, window.Strides[0], 1, window.Dilations[0], 0, window.Pads[0], 0, window.Pads[1])
        : new(
            window.Kernel[0], window.Kernel[1], window.Strides[0], window.Strides[1], window.Dilations[0], window.Dilations[1],
            window.Pads[0], window.Pads[1], window.Pads[2], window.Pads[3]);

    /// <summary>Height and width of [N, C, W] or [N, C, H, W].</summary>
    public static (int Height, int Width) Sizes(int[] shape) => shape.Length == 3 ? (1, shape[2]) : (shape[2], shape[3]);
}

/// <summary>An input plane surrounded by its padding.</summary>
internal readonly struct Frame(Plane plane, int inputHeight, int inputWidth)
{
    public int Height => inputHeight + plane.Top + plane.Bottom;

    public int Width => inputWidth + plane.Left + plane.Right;

    public int Size => Height * Width;

    /// <summary>Nothing is padded: the input itself can be read.</summary>
    public bool IsInput => (plane.Top | plane.Left | plane.Bottom | plane.Right) == 0;

    /// <summary>Copies plane <paramref name="index"/> of the input into its frame and clears the padding.</summary>
    public void Fill(float[] input, int index, float[] padded)
    {
        var source = input.AsSpan(index * inputHeight * inputWidth, inputHeight * inputWidth);
        var target = padded.AsSpan(index * Size, Size);
        target[..(plane.Top * Width)].Clear();
        for (var y = 0; y < inputHeight; y++)
        {
            var row = target.Slice((y + plane.Top) * Width, Width);
            row[..plane.Left].Clear();
            source.Slice(y * inputWidth, inputWidth).CopyTo(row[plane.Left..]);
            row[(plane.Left + inputWidth)..].Clear();
        }
        target[((plane.Top + inputHeight) * Width)..].Clear();
    }
}
