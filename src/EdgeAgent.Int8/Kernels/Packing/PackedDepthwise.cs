namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// Weights of a depthwise convolution for kernels that multiply four bytes of a column at a time: kernel rows go in
/// bands of four (the last filled with zeros), [block of 16 channels][band][kernel column][16 channels][4 rows].
/// </summary>
internal sealed unsafe class PackedDepthwise
{
    /// <summary>Channels of a block.</summary>
    public const int BlockWidth = 16;

    private readonly AlignedBuffer<sbyte> _weights;
    private readonly AlignedBuffer<int> _bias;
    private readonly AlignedBuffer<float> _multipliers;
    private readonly int _blockBytes;

    /// <param name="activationOffset">What the kernel subtracts from every activation: 128 where it needs them signed, else 0.</param>
    /// <param name="pairs">Whether a second set of weights, moved down by one row, follows in each block.</param>
    public PackedDepthwise(in ConvolutionTask task, int activationOffset, bool pairs)
    {
        var (channels, kh, kw) = (task.Output.Channels, task.Window.KernelHeight, task.Window.KernelWidth);
        Bands = (kh + 3) / 4;
        Blocks = (channels + BlockWidth - 1) / BlockWidth;
        var setBytes = Bands * kw * BlockWidth * 4;
        _blockBytes = pairs ? 2 * setBytes : setBytes;
        _weights = new(checked(Blocks * _blockBytes));
        _bias = new(Blocks * BlockWidth);
        _multipliers = new(Blocks * BlockWidth);
        for (var c = 0; c < channels; c++)
        {
            var sum = 0;
            for (var ky = 0; ky < kh; ky++)
                for (var kx = 0; kx < kw; kx++)
                {
                    var w = task.Weights[(c * kh + ky) * kw + kx];
                    Weights(c / BlockWidth)[At(ky, kx)] = w;
                    if (pairs)
                        Weights(c / BlockWidth)[setBytes + At(ky + 1, kx)] = w;
                    sum += w;
                }
            _bias.Span[c] = unchecked(task.Bias[c] - (task.Input.Zero - activationOffset) * sum);
            _multipliers.Span[c] = task.Multipliers[c];

            int At(int row, int column) => ((row / 4 * kw + column) * BlockWidth + c % BlockWidth) * 4 + row % 4;
        }
    }

    /// <summary>Kernel rows in fours.</summary>
    public int Bands { get; }

    public int Blocks { get; }

    public sbyte* Weights(int block) => _weights.Pointer + (nint)block * _blockBytes;

    public int* Bias(int block) => _bias.Pointer + block * BlockWidth;

    public float* Multipliers(int block) => _multipliers.Pointer + block * BlockWidth;
}

/// <summary>What the pixels of one output row and block of channels share.</summary>
internal unsafe struct DepthwiseArguments
{
    public sbyte* Weights;
    public int* Bias;
    public float* Multipliers;

    /// <summary>The block's first channel in the interleaved columns of the first band.</summary>
    public byte* Columns;

    /// <summary>Bytes from one output pixel to the next, from one kernel column to the next, from one band to the next.</summary>
    public int PixelStep;

    public int ColumnStep;
    public int BandStep;

    public int KernelWidth;
    public int Bands;

    /// <summary>Output pixels.</summary>
    public int Pixels;

    /// <summary>Bytes from one output pixel to the next.</summary>
    public int OutputStep;

    /// <summary>Bytes from one output row to the next; not used where there is one.</summary>
    public int OutputRowStep;

    /// <summary>Output rows: two only in <see cref="IDepthwiseRow.ComputePair"/>.</summary>
    public int Rows;

    public byte* Output;

    /// <summary>Channels in use, 1 to 16.</summary>
    public int Channels;

    public float Low;
    public float High;
    public int Zero;
}

/// <summary>The inner kernel of a depthwise convolution; static, so that it is compiled for its instruction set.</summary>
internal interface IDepthwiseRow
{
    static abstract int ActivationOffset { get; }

    /// <summary>
    /// Four rows of input byte by byte, a0 b0 c0 d0 a1 b1 ..., with the offset subtracted; may read up to 31 bytes and write up to
    /// 31 quads too many.
    /// </summary>
    static abstract unsafe void Interleave(byte* a, byte* b, byte* c, byte* d, byte* to, int length);

    static abstract unsafe void Compute(DepthwiseArguments* arguments);

    /// <summary>
    /// Two output rows at stride 1 from the same bands of input, where a band of the kernel has a row to spare: the weights of
    /// the second row follow in the block, moved down by one kernel row.
    /// </summary>
    static abstract unsafe void ComputePair(DepthwiseArguments* arguments);
}
