using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeAgent.Int8.Plan;

/// <summary>
/// Proves that a parsed plan can be executed without reading outside its tensors and constants and without overflow:
/// after this, kernels check nothing.
/// </summary>
internal readonly ref struct PlanValidator
{
    /// <summary>More work than any board would finish in minutes: refused as absurd.</summary>
    private const long MaxWork = 1L << 40;

    /// <summary>Most bytes of activations in a plan, all tensors together.</summary>
    private const long MaxActivationBytes = 1L << 30;

    private readonly ParsedPlan _plan;
    private readonly ReadOnlySpan<byte> _constants;

    private PlanValidator(ParsedPlan plan, ReadOnlySpan<byte> constants)
    {
        _plan = plan;
        _constants = constants;
    }

    /// <exception cref="PlanFormatException">The first fault found.</exception>
    public static void Check(ParsedPlan plan, ReadOnlySpan<byte> constants) => new PlanValidator(plan, constants).Check();

    private void Check()
    {
        long bytes = 0;
        for (var i = 0; i < _plan.Tensors.Length; i++)
        {
            var t = _plan.Tensors[i];
            Require(t.Shape.IsValid, $"tensor {i} has the shape {t.Shape}, which is empty or too large");
            Require(t.Quantization.IsValid, $"tensor {i} has the scale {t.Quantization.Scale}, outside [{Quantization.MinScale:g3}, {Quantization.MaxScale:g3}]");
            bytes += t.Shape.Count * (t.Element == PlanElement.Float32 ? 4L : 1L);
        }
        Require(bytes <= MaxActivationBytes, $"its tensors need {bytes} bytes, more than {MaxActivationBytes} are not allowed");
        Require(_plan.Operators is [QuantizeInput, ..], "the first operator must quantize the input");

        var written = new bool[_plan.Tensors.Length];
        long work = 0;
        foreach (var op in _plan.Operators)
        {
            foreach (var input in op.Inputs)
                Require(written[input], $"operator '{op.Name}' reads tensor {input} before anything has written it");
            Require(!written[op.Output], $"operator '{op.Name}' writes tensor {op.Output} a second time");
            written[op.Output] = true;
            CheckOperator(op);
            // One by one, so that the sum cannot overflow.
            work += Work(op);
            Require(work <= MaxWork, $"up to operator '{op.Name}' it needs {work} multiplications or comparisons, more than {MaxWork} are not allowed");
        }
        for (var i = 0; i < written.Length; i++)
            Require(written[i], $"no operator writes tensor {i}");
        Require(_plan.Tensors[_plan.Output].Element == PlanElement.Float32, "the output must be a Float32 tensor");
        CheckConstants();
    }

    /// <summary>Multiply-accumulates of a convolution; elements that the windows of a pool see. Others touch each element once.</summary>
    private long Work(PlanOperator op)
    {
        var output = _plan.Tensors[op.Output].Shape;
        return op switch
        {
            Convolution c => (long)output.Pixels * c.Weights.Length,
            MaxPooling m => Seen(m.Window, _plan.Tensors[m.Inputs[0]].Shape, output),
            AveragePooling a => Seen(a.Window, _plan.Tensors[a.Inputs[0]].Shape, output),
            _ => 0,
        };

        static long Seen(PlanWindow w, PlanShape x, PlanShape y) =>
            (long)y.Count * (Math.Min(w.KernelHeight, x.Height) * Math.Min(w.KernelWidth, x.Width));
    }

    private void CheckOperator(PlanOperator op)
    {
        var output = _plan.Tensors[op.Output];
        var tensors = _plan.Tensors;
        var inputs = Array.ConvertAll(op.Inputs, i => tensors[i]);
        var floats = op is SoftmaxHead or ArgMaxHead || (op is Reshaping && output.Element == PlanElement.Float32);
        foreach (var input in inputs)
            Require((input.Element == PlanElement.Float32) == floats, $"operator '{op.Name}' cannot read a {input.Element} tensor");
        var writesFloats = floats || op is Dequantization;
        Require(op is Convolution || (output.Element == PlanElement.Float32) == writesFloats, $"operator '{op.Name}' cannot write a {output.Element} tensor");
        var arity = op switch { QuantizeInput or ConstantTensor => 0, Elementwise => 2, Concatenation => Math.Max(1, inputs.Length), _ => 1 };
        Require(inputs.Length == arity, $"operator '{op.Name}' has {inputs.Length} inputs, expected {arity}");
        switch (op)
        {
            case QuantizeInput:
                Require(ReferenceEquals(op, _plan.Operators[0]), "only the first operator may quantize the input");
                break;
            case ConstantTensor c:
                Require(c.Values.Length == output.Shape.Count, $"operator '{op.Name}' has {c.Values.Length} values for {output.Shape}");
                break;
            case Convolution c:
                CheckConvolution(c, inputs[0], output);
                break;
            case Elementwise e:
                var second = inputs[1].Shape;
                Require(inputs[0].Shape == output.Shape && (second == output.Shape || second == PlanShape.Flat(output.Shape.Channels)),
                    $"operator '{op.Name}' combines {inputs[0].Shape} with {second} into {output.Shape}");
                CheckBounds(op, e.Bounds);
                break;
            case Concatenation c:
                CheckConcatenation(c, inputs, output.Shape);
                break;
            case MaxPooling m:
                CheckWindow(op, m.Window, inputs[0].Shape, output.Shape, isPool: true);
                Require(inputs[0].Shape.Channels == output.Shape.Channels, $"operator '{op.Name}' changes the number of channels");
                Require(inputs[0].Quantization == output.Quantization, $"operator '{op.Name}' must keep the quantization of its input");
                break;
            case AveragePooling a:
                CheckWindow(op, a.Window, inputs[0].Shape, output.Shape, isPool: true);
                Require(inputs[0].Shape.Channels == output.Shape.Channels, $"operator '{op.Name}' changes the number of channels");
                Require((long)a.Window.KernelHeight * a.Window.KernelWidth <= 1 << 22, $"operator '{op.Name}' averages more than {1 << 22} values");
                CheckBounds(op, a.Bounds);
                break;
            case Padding p:
                var padded = inputs[0].Shape with
                {
                    Height = inputs[0].Shape.Height + p.Top + p.Bottom,
                    Width = inputs[0].Shape.Width + p.Left + p.Right,
                };
                Require(padded == output.Shape && inputs[0].Quantization == output.Quantization,
                    $"operator '{op.Name}' pads {inputs[0].Shape} to {output.Shape}, expected {padded}, or changes the quantization");
                break;
            case TableLookup t:
                Require(inputs[0].Shape == output.Shape && t.Table.Length == 256, $"operator '{op.Name}' needs a table of 256 and one shape");
                break;
            case Reshaping:
                Require(inputs[0].Shape.Count == output.Shape.Count && inputs[0].Quantization == output.Quantization,
                    $"operator '{op.Name}' reshapes {inputs[0].Shape} to {output.Shape}, or changes the quantization");
                break;
            case ArgMaxHead:
                Require(output.Shape == inputs[0].Shape with { Channels = 1 }, $"operator '{op.Name}' turns {inputs[0].Shape} into {output.Shape}");
                break;
            case Dequantization or SoftmaxHead:
                Require(inputs[0].Shape == output.Shape, $"operator '{op.Name}' must keep the shape {inputs[0].Shape}");
                break;
        }
    }

    private void CheckConvolution(Convolution c, PlanTensor input, PlanTensor output)
    {
        var (x, y) = (input.Shape, output.Shape);
        CheckWindow(c, c.Window, x, y, isPool: false);
        CheckBounds(c, c.Bounds);
        Require(c.Groups > 0 && x.Channels % c.Groups == 0 && y.Channels % c.Groups == 0,
            $"operator '{c.Name}' cannot split {x.Channels} to {y.Channels} channels into {c.Groups} groups");
        var perOutput = (long)c.Window.KernelHeight * c.Window.KernelWidth * (x.Channels / c.Groups);
        Require(perOutput <= c.Weights.Length && c.Weights.Length == perOutput * y.Channels && c.Scales.Length == 4L * y.Channels && c.Bias.Length == 4L * y.Channels,
            $"operator '{c.Name}' has {c.Weights.Length} weights, {c.Scales.Length / 4} scales and {c.Bias.Length / 4} biases, expected {perOutput * y.Channels}, {y.Channels} and {y.Channels}");
        var weights = MemoryMarshal.Cast<byte, sbyte>(Bytes(c, c.Weights));
        var scales = MemoryMarshal.Cast<byte, float>(Bytes(c, c.Scales));
        var bias = MemoryMarshal.Cast<byte, int>(Bytes(c, c.Bias));
        for (var m = 0; m < y.Channels; m++)
        {
            // Others write 1e-20 for a channel that is always zero. A factor that is denormal or zero rounds alike everywhere.
            Require(scales[m] is > 0 and <= Quantization.MaxScale,
                $"operator '{c.Name}' has the weight scale {scales[m]} for channel {m}, outside (0, {Quantization.MaxScale:g3}]");
            var channel = weights.Slice(m * (int)perOutput, (int)perOutput);
            Require(SumsFit(bias[m], channel, input.Quantization.ZeroPoint), $"operator '{c.Name}' can overflow 32 bits in channel {m}");
        }
    }

    /// <summary>Whether bias + sum (q - z) * w fits an int32 for every q in [0, 255], and so does every part of the sum.</summary>
    private static bool SumsFit(int bias, ReadOnlySpan<sbyte> weights, int zero)
    {
        var magnitudes = WeightSums.AbsoluteSum(weights);
        // True of all but very wide layers, and half of the work.
        if (Math.Abs((long)bias) + 255 * magnitudes <= int.MaxValue)
            return true;
        var sum = WeightSums.Sum(weights);
        var (positive, negative) = ((magnitudes + sum) / 2, (magnitudes - sum) / 2);
        return bias + (255 - zero) * positive + zero * negative <= int.MaxValue
            && bias - zero * positive - (255 - zero) * negative >= int.MinValue;
    }

    private static void CheckConcatenation(Concatenation c, PlanTensor[] inputs, PlanShape output)
    {
        long Along(PlanShape s) => c.Axis switch { ConcatAxis.Height => s.Height, ConcatAxis.Width => s.Width, _ => s.Channels };
        PlanShape Across(PlanShape s) => c.Axis switch
        {
            ConcatAxis.Height => s with { Height = 1 },
            ConcatAxis.Width => s with { Width = 1 },
            _ => s with { Channels = 1 },
        };
        var along = 0L;
        foreach (var input in inputs)
            along += Along(input.Shape);
        Require(Array.TrueForAll(inputs, i => Across(i.Shape) == Across(output)) && along == Along(output),
            $"operator '{c.Name}' cannot join {string.Join(" and ", Array.ConvertAll(inputs, i => i.Shape.ToString()))} into {output}");
    }

    private static void CheckWindow(PlanOperator op, PlanWindow w, PlanShape x, PlanShape y, bool isPool)
    {
        Require(w.IsValid && (!isPool || w.PadsLessThanItSees), $"operator '{op.Name}' has an impossible window {w}");
        bool Fits(bool ceil) => y.Height == w.OutputHeight(x.Height, ceil) && y.Width == w.OutputWidth(x.Width, ceil);
        Require(Fits(false) || (isPool && Fits(true)), $"operator '{op.Name}' cannot turn {x} into {y} with its window");
    }

    private static void CheckBounds(PlanOperator op, ActivationBounds b) =>
        Require(b.Low <= b.High, $"operator '{op.Name}' has the bounds [{b.Low}, {b.High}]");

    /// <summary>Constants follow one another at aligned offsets from zero to the end: so none overlap and none are left over.</summary>
    private void CheckConstants()
    {
        long next = 0;
        foreach (var op in _plan.Operators)
        {
            ReadOnlySpan<Constant> constants = op switch
            {
                Convolution c => [c.Weights, c.Scales, c.Bias],
                TableLookup t => [t.Table],
                ConstantTensor c => [c.Values],
                _ => [],
            };
            foreach (var constant in constants)
            {
                Require(constant.Offset == next, $"operator '{op.Name}' has a constant at {constant.Offset}, expected {next}");
                next = PlanFormat.Align(constant.Offset + constant.Length);
            }
        }
        Require(next == _constants.Length, $"the constants end at {next} of {_constants.Length} bytes");
    }

    private ReadOnlySpan<byte> Bytes(PlanOperator op, Constant c)
    {
        Require(c.Offset % PlanFormat.Alignment == 0 && c.Offset <= _constants.Length && c.Length <= _constants.Length - c.Offset,
            $"operator '{op.Name}' has a constant of {c.Length} bytes at {c.Offset}, outside of {_constants.Length}");
        return _constants.Slice(c.Offset, c.Length);
    }

    private static void Require(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref Message message)
    {
        if (!condition)
            throw new PlanFormatException("plan: " + message.Text);
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
            throw new PlanFormatException("plan: " + message);
    }

    /// <summary>Formats a message only where the condition failed: a sound plan is checked without allocating.</summary>
    [InterpolatedStringHandler]
    private ref struct Message
    {
        private DefaultInterpolatedStringHandler _inner;

        public Message(int literalLength, int formattedCount, bool condition, out bool enabled)
        {
            enabled = !condition;
            if (enabled)
                _inner = new(literalLength, formattedCount, CultureInfo.InvariantCulture);
        }

        public string Text => _inner.ToStringAndClear();

        public void AppendLiteral(string text) => _inner.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _inner.AppendFormatted(value);

        public void AppendFormatted<T>(T value, string format) => _inner.AppendFormatted(value, format);
    }
}
