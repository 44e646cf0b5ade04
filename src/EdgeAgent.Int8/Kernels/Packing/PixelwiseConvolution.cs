using System.Runtime.CompilerServices;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// Convolution of few pixels, one at a time: dense layers, the 1x1 convolutions of squeeze and excite, heads. The
/// weights are read once, in order.
/// </summary>
internal sealed unsafe class PixelwiseConvolution<TTile> : Step where TTile : struct, IConvolutionTile
{
    private readonly PackedConvolution _packed;
    private readonly TensorView _x;
    private readonly TensorView _y;
    private readonly float* _floats;
    private readonly Requantization _requantization;
    private readonly int _groups;
    private readonly int _pixels;

    public PixelwiseConvolution(in ConvolutionTask task)
    {
        _packed = new(task, TTile.ActivationOffset);
        (_x, _y, _groups, _requantization) = (task.Input, task.Output, task.Groups, task.Requantization);
        _floats = task.Floats;
        Work = task.Macs;
        _pixels = _y.Shape.Pixels;
    }

    /// <summary>Panels.</summary>
    public override int Units => _groups * _packed.PanelsPerGroup;

    public override long Work { get; }

    [SkipLocalsInit]
    public override void Run(int first, int last)
    {
        var arguments = new PanelArguments
        {
            QuadOffsets = _packed.QuadOffsets,
            Quads = _packed.Quads,
            Runs = _packed.Runs,
            RunCount = _packed.RunCount,
            Low = _requantization.Low,
            High = _requantization.High,
            Zero = _requantization.Zero,
        };
        var inputsPerGroup = _x.Channels / _groups;
        var accumulators = stackalloc int[PackedConvolution.PanelWidth];
        for (var panel = first; panel < last; panel++)
        {
            var (group, panelOfGroup) = (panel / _packed.PanelsPerGroup, panel % _packed.PanelsPerGroup);
            arguments.Weights = _packed.Weights(panel);
            arguments.Bias = _packed.Bias(panel);
            arguments.Multipliers = _packed.Multipliers(panel);
            arguments.Channels = _packed.PanelChannels(panelOfGroup);
            var channel = group * _packed.ChannelsPerGroup + panelOfGroup * PackedConvolution.PanelWidth;
            for (var p = 0; p < _pixels; p++)
            {
                TTile.ComputePixel(&arguments, _x.Data + _packed.InputOffsets[p] + group * inputsPerGroup, accumulators);
                if (_floats == null)
                    TTile.Store(&arguments, accumulators, _y.Data + _packed.OutputOffsets[p] + channel);
                else
                    for (var c = 0; c < arguments.Channels; c++)
                        _floats[(nint)p * _y.Channels + channel + c] = accumulators[c] * arguments.Multipliers[c];
            }
        }
    }
}
