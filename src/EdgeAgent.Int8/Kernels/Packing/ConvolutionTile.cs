namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>What all tiles of one panel share.</summary>
internal unsafe struct PanelArguments
{
    public int* QuadOffsets;
    public sbyte* Weights;

    /// <summary>The same for <see cref="IConvolutionTile.ComputeWidened"/>; null otherwise.</summary>
    public short* WidenedWeights;

    public int* Bias;
    public float* Multipliers;
    public int Quads;

    /// <summary>Pairs of the offset and the number of quads of a run: the same as <see cref="QuadOffsets"/> in short.</summary>
    public int* Runs;
    public int RunCount;

    /// <summary>Output channels in use, 1 to 16.</summary>
    public int Channels;

    /// <summary>Lower and upper bound and zero point of <see cref="Requantization"/>.</summary>
    public float Low;

    public float High;

    public int Zero;
}

/// <summary>
/// The inner kernel of a convolution: some pixels by one panel of 16 channels. One implementation per instruction set;
/// static, so that the loops around it are compiled with it in place.
/// </summary>
internal unsafe interface IConvolutionTile
{
    /// <summary>Pixels of a full tile.</summary>
    static abstract int Rows { get; }

    /// <summary>What is subtracted from every activation: 128 where they are multiplied as signed, else 0.</summary>
    static abstract int ActivationOffset { get; }

    /// <summary>Requantized u8 results of the first <paramref name="rows"/> pixels.</summary>
    static abstract void Compute(PanelArguments* panel, byte* input, int* inputOffsets, int rows, byte* output, int* outputOffsets);

    /// <summary>Whether there is a <see cref="ComputeWidened"/>.</summary>
    static virtual bool Widens => false;

    /// <summary>Bytes as int16, quad by quad in the order of <see cref="WidenedPanels"/>; up to its slack too many.</summary>
    static virtual void Widen(byte* from, short* to, int count) => throw new NotSupportedException();

    /// <summary>As <see cref="Compute"/>, with input and weights of int16.</summary>
    static virtual void ComputeWidened(PanelArguments* panel, short* input, int* inputOffsets, int rows, byte* output, int* outputOffsets) =>
        throw new NotSupportedException();

    /// <summary>The int32 accumulators of one pixel, 16 channels, in <paramref name="accumulators"/>.</summary>
    static abstract void ComputePixel(PanelArguments* panel, byte* input, int* accumulators);

    /// <summary>Requantizes the accumulators of one pixel.</summary>
    static abstract void Store(PanelArguments* panel, int* accumulators, byte* output);
}
