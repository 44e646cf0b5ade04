using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Kernels.Scalar;

/// <summary>
/// The definition of a convolution, written for reading: acc = bias[m] + sum over taps inside the tensor of (q - z_x) * w,
/// then requantized, or dequantized for a head.
/// </summary>
internal sealed unsafe class ScalarConvolution(ConvolutionTask task) : Step
{
    private readonly TensorView _x = task.Input;
    private readonly TensorView _y = task.Output;
    private readonly float* _floats = task.Floats;
    private readonly PlanWindow _window = task.Window;
    private readonly int _inputsPerGroup = task.Input.Channels / task.Groups;
    private readonly int _outputsPerGroup = task.Output.Channels / task.Groups;
    private readonly Requantization _requantization = task.Requantization;
    private readonly float[] _multipliers = task.Multipliers;
    private readonly sbyte[] _weights = task.Weights.ToArray();
    private readonly int[] _bias = task.Bias.ToArray();

    public override int Units => _y.Height;

    public override long Work { get; } = task.Macs;

    public override void Run(int first, int last)
    {
        for (var oy = first; oy < last; oy++)
            for (var ox = 0; ox < _y.Width; ox++)
                for (var m = 0; m < _y.Channels; m++)
                {
                    var acc = Accumulate(oy, ox, m);
                    var v = acc * _multipliers[m];
                    if (_floats != null)
                        _floats[((nint)oy * _y.Width + ox) * _y.Channels + m] = v;
                    else
                        _y.Pixel(oy, ox)[m] = _requantization.Round(v);
                }
    }

    private int Accumulate(int oy, int ox, int m)
    {
        var acc = _bias[m];
        var firstChannel = m / _outputsPerGroup * _inputsPerGroup;
        var w = m * _window.KernelHeight * _window.KernelWidth * _inputsPerGroup;
        for (var ky = 0; ky < _window.KernelHeight; ky++)
            for (var kx = 0; kx < _window.KernelWidth; kx++, w += _inputsPerGroup)
            {
                var iy = oy * _window.StrideY - _window.PadTop + ky * _window.DilationY;
                var ix = ox * _window.StrideX - _window.PadLeft + kx * _window.DilationX;
                if ((uint)iy >= (uint)_x.Height || (uint)ix >= (uint)_x.Width)
                    continue;
                var pixel = _x.Pixel(iy, ix) + firstChannel;
                for (var c = 0; c < _inputsPerGroup; c++)
                    acc += (pixel[c] - _x.Zero) * _weights[w + c];
            }
        return acc;
    }
}
