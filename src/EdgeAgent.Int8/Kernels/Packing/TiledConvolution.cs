using System.Runtime.CompilerServices;

namespace EdgeAgent.Int8.Kernels.Packing;

/// <summary>
/// Convolution by tiles of pixels times panels of 16 channels. A panel's weights stay in the L1 cache while a block of
/// pixels passes; the block is so small that its input stays there too until the last panel.
/// </summary>
internal sealed unsafe class TiledConvolution<TTile> : Step where TTile : struct, IConvolutionTile
{
    /// <summary>Share of a 32 KB L1 data cache that a block's input may take.</summary>
    private const int BlockBytes = 16 << 10;

    private readonly PackedConvolution _packed;
    private readonly TensorView _x;
    private readonly TensorView _y;
    private readonly Requantization _requantization;
    private readonly int _groups;
    private readonly int _pixels;
    private readonly int _tiles;
    private readonly int _tilesPerBlock;
    private readonly bool _splitByPanels;

    public TiledConvolution(in ConvolutionTask task)
    {
        _packed = new(task, TTile.ActivationOffset);
        (_x, _y, _groups, _requantization) = (task.Input, task.Output, task.Groups, task.Requantization);
        Work = task.Macs;
        _pixels = _y.Shape.Pixels;
        _tiles = (_pixels + TTile.Rows - 1) / TTile.Rows;
        _tilesPerBlock = (int)Math.Clamp((long)_tiles * BlockBytes / _x.Shape.Count, 1, _tiles);
        _splitByPanels = _tiles < 8;
        Units = _splitByPanels ? _groups * _packed.PanelsPerGroup : _tiles;
    }

    public override int Units { get; }

    public override long Work { get; }

    public override void Run(int first, int last)
    {
        var panels = _groups * _packed.PanelsPerGroup;
        if (_splitByPanels)
            RunBlock(0, _tiles, first, last);
        else
            for (var tile = first; tile < last; tile += _tilesPerBlock)
                RunBlock(tile, Math.Min(last, tile + _tilesPerBlock), 0, panels);
    }

    private void RunBlock(int firstTile, int lastTile, int firstPanel, int lastPanel)
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
        for (var panel = firstPanel; panel < lastPanel; panel++)
        {
            var (group, panelOfGroup) = (panel / _packed.PanelsPerGroup, panel % _packed.PanelsPerGroup);
            arguments.Weights = _packed.Weights(panel);
            arguments.Bias = _packed.Bias(panel);
            arguments.Multipliers = _packed.Multipliers(panel);
            arguments.Channels = _packed.PanelChannels(panelOfGroup);
            RunPanel(
                &arguments, _x.Data + group * inputsPerGroup,
                _y.Data + group * _packed.ChannelsPerGroup + panelOfGroup * PackedConvolution.PanelWidth, firstTile, lastTile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunPanel(PanelArguments* arguments, byte* input, byte* output, int firstTile, int lastTile)
    {
        var inputOffsets = _packed.InputOffsets;
        var outputOffsets = _packed.OutputOffsets;
        for (var tile = firstTile; tile < lastTile; tile++)
        {
            var pixel = tile * TTile.Rows;
            TTile.Compute(arguments, input, inputOffsets + pixel, Math.Min(TTile.Rows, _pixels - pixel), output, outputOffsets + pixel);
        }
    }
}
