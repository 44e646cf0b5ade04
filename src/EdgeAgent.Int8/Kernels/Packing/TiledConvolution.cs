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
    private readonly WidenedPanels? _widened;
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
        if (TTile.Widens && WidenedPanels.Pays(task))
        {
            while (_tilesPerBlock > 1 && LargestBlock() > WidenedPanels.MaxInput)
                _tilesPerBlock = (_tilesPerBlock + 1) / 2;
            // Split by panels, all tiles are one block.
            if (_splitByPanels ? InputBytes(0, _tiles) <= WidenedPanels.MaxInput : LargestBlock() <= WidenedPanels.MaxInput)
                _widened = new(_packed, _packed.PanelsPerGroup);
        }
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

    /// <summary>Bytes from the first that these tiles' windows see to the last: offsets rise from pixel to pixel.</summary>
    private int InputBytes(int firstTile, int lastTile) =>
        _packed.InputOffsets[Math.Min(_pixels, lastTile * TTile.Rows) - 1] + _packed.QuadOffsets[_packed.Quads - 1] + 4
        - _packed.InputOffsets[firstTile * TTile.Rows];

    /// <summary>Threads begin blocks at any tile.</summary>
    private int LargestBlock()
    {
        var largest = 0;
        for (var tile = 0; tile < _tiles; tile++)
            largest = Math.Max(largest, InputBytes(tile, Math.Min(_tiles, tile + _tilesPerBlock)));
        return largest;
    }

    [SkipLocalsInit]
    private void RunBlock(int firstTile, int lastTile, int firstPanel, int lastPanel)
    {
        if (_widened == null)
        {
            RunBlock(firstTile, lastTile, firstPanel, lastPanel, null);
            return;
        }
        var scratch = stackalloc short[WidenedPanels.MaxInput + WidenedPanels.Slack + 32];
        var widened = (short*)((nint)scratch + (-(nint)scratch & 63));
        var first = _packed.InputOffsets[firstTile * TTile.Rows];
        TTile.Widen(_x.Data + first, widened, InputBytes(firstTile, lastTile));
        RunBlock(firstTile, lastTile, firstPanel, lastPanel, widened - first);
    }

    /// <param name="widened">Pixel (0, 0) of the block's widened input, or null.</param>
    private void RunBlock(int firstTile, int lastTile, int firstPanel, int lastPanel, short* widened)
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
            var output = _y.Data + group * _packed.ChannelsPerGroup + panelOfGroup * PackedConvolution.PanelWidth;
            if (widened != null)
                arguments.WidenedWeights = _widened!.Weights(panel);
            RunPanel(&arguments, _x.Data + group * inputsPerGroup, widened, output, firstTile, lastTile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunPanel(PanelArguments* arguments, byte* input, short* widened, byte* output, int firstTile, int lastTile)
    {
        var inputOffsets = _packed.InputOffsets;
        var outputOffsets = _packed.OutputOffsets;
        for (var tile = firstTile; tile < lastTile; tile++)
        {
            var pixel = tile * TTile.Rows;
            var rows = Math.Min(TTile.Rows, _pixels - pixel);
            if (widened == null)
                TTile.Compute(arguments, input, inputOffsets + pixel, rows, output, outputOffsets + pixel);
            else
                TTile.ComputeWidened(arguments, widened, inputOffsets + pixel, rows, output, outputOffsets + pixel);
        }
    }
}
