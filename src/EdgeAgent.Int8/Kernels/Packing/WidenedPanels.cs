using System.Runtime.Intrinsics;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// Weights as int16, for kernels that multiply int16: with the activations of a block widened beforehand as well, nothing
/// but products and sums is left in the inner loop.
/// </summary>
/// <remarks>
/// [panel][quad][bytes 0 and 2, bytes 1 and 3][16 channels][2]. An activation's quad becomes four int16 in the same order,
/// so that the byte at an offset has its int16 at that index, give or take one.
/// </remarks>
internal sealed unsafe class WidenedPanels
{
    /// <summary>Input bytes of a block at most; widened they take half of a 32 KB L1 data cache, panels of weights the rest.</summary>
    public const int MaxInput = 8 << 10;

    /// <summary>Input bytes that <see cref="IConvolutionTile.Widen"/> may go beyond the last.</summary>
    public const int Slack = 16;

    private const int PanelQuadValues = PackedConvolution.PanelWidth * 4;

    /// <summary>Products of an input byte that pay for widening it.</summary>
    private const int MinProducts = 32;

    private readonly AlignedBuffer<short> _weights;
    private readonly int _panelValues;

    public WidenedPanels(PackedConvolution packed, int panels)
    {
        _panelValues = packed.Quads * PanelQuadValues;
        _weights = new(checked(panels * _panelValues));
        for (var panel = 0; panel < panels; panel++)
        {
            var from = packed.Weights(panel);
            var to = Weights(panel);
            for (var quad = 0; quad < packed.Quads; quad++, from += PanelQuadValues, to += PanelQuadValues)
                for (var i = 0; i < PanelQuadValues; i += 16)
                {
                    var bytes = Vector128.Load(from + i).AsInt16();
                    Vector128.ShiftRightArithmetic(Vector128.ShiftLeft(bytes, 8), 8).Store(to + i / 2);
                    Vector128.ShiftRightArithmetic(bytes, 8).Store(to + (PanelQuadValues + i) / 2);
                }
        }
    }

    public short* Weights(int panel) => _weights.Pointer + (nint)panel * _panelValues;

    /// <summary>Whether all quads of all pixels begin at multiples of four bytes, and each byte is used often enough.</summary>
    public static bool Pays(in ConvolutionTask task) =>
        task.Groups == 1 && task.Input.Channels % 4 == 0 && task.Input.RowStride % 4 == 0
        && task.Output.Channels * task.Window.KernelHeight * task.Window.KernelWidth >= MinProducts * task.Window.StrideY * task.Window.StrideX;
}
