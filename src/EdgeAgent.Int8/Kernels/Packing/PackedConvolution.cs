using System.Runtime.CompilerServices;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// A convolution as a matrix product: for each output pixel, the window's bytes in quads of four (the last of a run may
/// reach over its end; its weights are zero there) times panels of 16 output channels.
/// </summary>
/// <remarks>
/// Weights: [group][panel][quad][16 channels][4 bytes], so that one quad of a panel is 64 bytes: two 256-bit operands
/// of VPDPBUSD, or four 128-bit operands of SDOT. The input's zero point is folded into the bias.
/// </remarks>
internal sealed unsafe class PackedConvolution
{
    /// <summary>Output channels of a panel.</summary>
    public const int PanelWidth = 16;

    private const int PanelQuadBytes = PanelWidth * 4;

    private readonly AlignedBuffer<sbyte> _weights;
    private readonly AlignedBuffer<int> _bias;
    private readonly AlignedBuffer<float> _multipliers;
    private readonly AlignedBuffer<int> _quadOffsets;
    private readonly AlignedBuffer<int> _runs;
    private readonly AlignedBuffer<int> _inputOffsets;
    private readonly AlignedBuffer<int> _outputOffsets;

    /// <param name="activationOffset">What the kernel subtracts from every activation: 128 where it needs them signed, else 0.</param>
    public PackedConvolution(in ConvolutionTask task, int activationOffset)
    {
        var runs = Run.Of(task.Window, task.Input.Channels, task.Groups, task.Input.RowStride);
        foreach (var run in runs)
            Quads += (run.Length + 3) / 4;
        ChannelsPerGroup = task.Output.Channels / task.Groups;
        PanelsPerGroup = (ChannelsPerGroup + PanelWidth - 1) / PanelWidth;
        var panels = task.Groups * PanelsPerGroup;
        _weights = new(checked(panels * Quads * PanelQuadBytes));
        _bias = new(panels * PanelWidth);
        _multipliers = new(panels * PanelWidth);
        _quadOffsets = new(Quads);
        _runs = new(2 * runs.Count);
        var quad = 0;
        for (var r = 0; r < runs.Count; r++)
        {
            (_runs.Span[2 * r], _runs.Span[2 * r + 1]) = (runs[r].Offset, (runs[r].Length + 3) / 4);
            for (var i = 0; i < runs[r].Length; i += 4)
                _quadOffsets.Span[quad++] = runs[r].Offset + i;
        }
        for (var m = 0; m < task.Output.Channels; m++)
            PackChannel(task, m, runs, task.Input.Zero - activationOffset);

        var pixels = task.Output.Shape.Pixels;
        _inputOffsets = new(pixels);
        _outputOffsets = new(pixels);
        var w = task.Window;
        for (var p = 0; p < pixels; p++)
        {
            var (oy, ox) = (p / task.Output.Width, p % task.Output.Width);
            _inputOffsets.Span[p] = (oy * w.StrideY - w.PadTop) * task.Input.RowStride + (ox * w.StrideX - w.PadLeft) * task.Input.Channels;
            _outputOffsets.Span[p] = oy * task.Output.RowStride + ox * task.Output.Channels;
        }
    }

    /// <summary>Quads of bytes per output pixel.</summary>
    public int Quads { get; }

    public int ChannelsPerGroup { get; }

    public int PanelsPerGroup { get; }

    /// <summary>Offset of each quad from a pixel's first byte.</summary>
    public int* QuadOffsets => _quadOffsets.Pointer;

    /// <summary>Pairs of the offset and the number of quads of a run.</summary>
    public int* Runs => _runs.Pointer;

    public int RunCount => _runs.Length / 2;

    /// <summary>Offset of each output pixel's window in the input.</summary>
    public int* InputOffsets => _inputOffsets.Pointer;

    /// <summary>Offset of each output pixel in the output.</summary>
    public int* OutputOffsets => _outputOffsets.Pointer;

    /// <summary>The quads of a panel; panels are counted through all groups.</summary>
    public sbyte* Weights(int panel) => _weights.Pointer + (nint)panel * Quads * PanelQuadBytes;

    public int* Bias(int panel) => _bias.Pointer + panel * PanelWidth;

    public float* Multipliers(int panel) => _multipliers.Pointer + panel * PanelWidth;

    /// <summary>Output channels in use in a panel of a group, 1 to 16.</summary>
    public int PanelChannels(int panelOfGroup) => Math.Min(PanelWidth, ChannelsPerGroup - panelOfGroup * PanelWidth);

    private void PackChannel(in ConvolutionTask task, int m, List<Run> runs, int zero)
    {
        var (group, channel) = (m / ChannelsPerGroup, m % ChannelsPerGroup);
        var panel = group * PanelsPerGroup + channel / PanelWidth;
        var lane = channel % PanelWidth;
        var weights = task.Weights.Slice(m * task.WeightsPerOutput, task.WeightsPerOutput);
        var to = Weights(panel) + lane * 4;
        fixed (sbyte* start = weights)
        {
            var from = start;
            foreach (var run in runs)
            {
                var rest = run.Length;
                for (; rest >= 4; rest -= 4, from += 4, to += PanelQuadBytes)
                    Unsafe.CopyBlockUnaligned(to, from, 4);
                if (rest == 0)
                    continue;
                Unsafe.CopyBlockUnaligned(to, from, (uint)rest);
                from += rest;
                to += PanelQuadBytes;
            }
        }
        Bias(panel)[lane] = unchecked((int)(task.Bias[m] - zero * WeightSums.Sum(weights)));
        Multipliers(panel)[lane] = task.Multipliers[m];
    }
}
