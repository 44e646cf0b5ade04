using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.SelfCheck;

/// <summary>
/// Random plans that between them reach every operator with odd shapes, strides, pads, dilations, groups, zero points,
/// bounds and values at the ends of their ranges. The same seed gives the same plan and input everywhere.
/// </summary>
public sealed class RandomPlan
{
    private readonly Random _random;
    private readonly PlanBuilder _builder;

    private RandomPlan(int seed)
    {
        _random = new Random(seed);
        _builder = new PlanBuilder($"random {seed}");
        Plan = Build();
        Input = Values(PlanModel.Load(Plan).InputShape.Count);
    }

    public byte[] Plan { get; }

    public float[] Input { get; }

    /// <summary>What the plan does, for messages.</summary>
    public string Description { get; private set; } = "";

    public static RandomPlan Of(int seed) => new(seed);

    private byte[] Build()
    {
        var shape = Pick(
            () => new PlanShape(Between(1, 12), Between(1, 12), Between(1, 40)),
            () => new PlanShape(1, Between(1, 30), Between(1, 20)),
            () => PlanShape.Flat(Between(1, 300)),
            () => new PlanShape(Between(3, 20), Between(3, 20), Pick(() => 1, () => 3, () => 8, () => 16)));
        // More than one block of a convolution's input.
        if (Chance(16))
            shape = new PlanShape(Between(20, 30), Between(20, 30), Pick(() => 16, () => 20, () => 15));
        // More channels than a depthwise convolution takes at once, or a sequence long enough to be cut.
        var wide = Chance(20);
        if (wide)
            shape = Pick(() => new PlanShape(Between(1, 4), Between(1, 7), Between(200, 1000)), () => new PlanShape(1, Between(60, 300), Between(40, 120)));
        var x = _builder.Input(shape, Quantization());
        var length = wide ? 1 : Between(1, 4);
        for (var i = 0; i < length; i++)
            x = wide ? Depthwise(x) : Extend(x);
        // A dequantized output with scale 1 shows the bytes themselves; a head shows accumulators.
        if (Chance(4) && TakesDense(x))
            x = _builder.DenseHead(x, Weights(Between(1, 40), _builder.ShapeOf(x).Count));
        else if (Chance(8))
            x = _builder.ConvolutionHead(x, Weights(Between(1, 20), _builder.ShapeOf(x).Channels), PlanWindow.Square(1), 1);
        else
            x = _builder.Dequantize(x);
        x = Chance(10) ? _builder.Softmax(Chance(2) ? Reshape(x) : x) : x;
        _builder.Output(Chance(10) ? _builder.ArgMax(x) : x);
        Description = string.Join(" -> ", PlanModel.Load(_builder.Build()).Operators.Select(o => $"{o.Type} {o.Output} {o.Window} /{o.Groups}"));
        return _builder.Build();
    }

    private TensorId Extend(TensorId x) => Between(0, 12) switch
    {
        0 or 1 or 2 => Convolution(x),
        3 or 4 => Depthwise(x),
        5 => TakesDense(x)
            ? _builder.Dense(x, Weights(Between(1, 70), _builder.ShapeOf(x).Count), Quantization(), Bounds())
            : Convolution(x),
        6 => Elementwise(x),
        7 => _builder.MaxPool(x, Window(x, 4, 1), Chance(2)),
        8 => _builder.AveragePool(x, Window(x, 4, 1), Quantization(), Chance(2), Chance(2), Bounds()),
        9 => _builder.GlobalAveragePool(x, Quantization(), Bounds()),
        10 => Concat(x),
        11 => _builder.Pad(x, Between(0, 2), Between(0, 2), Between(0, 2), Between(0, 2), (byte)Between(0, 255)),
        _ => Chance(2)
            ? _builder.Activation(x, v => v / (1 + Math.Exp(-v)), Quantization())
            : _builder.Reshape(x, PlanShape.Flat(_builder.ShapeOf(x).Count)),
    };

    /// <summary>The elements with another number of channels.</summary>
    private TensorId Reshape(TensorId x)
    {
        var count = _builder.ShapeOf(x).Count;
        var divisors = Enumerable.Range(1, count).Where(d => count % d == 0).ToArray();
        var channels = divisors[_random.Next(divisors.Length)];
        return _builder.Reshape(x, new PlanShape(1, count / channels, channels));
    }

    /// <summary>Products of one output at most: their sum fits 32 bits, whatever the weights are.</summary>
    private const int MostProducts = 50_000;

    private bool TakesDense(TensorId x) => _builder.ShapeOf(x).Count < MostProducts;

    private TensorId Convolution(TensorId x)
    {
        var channels = _builder.ShapeOf(x).Channels;
        var divisors = Enumerable.Range(1, channels).Where(d => channels % d == 0).ToArray();
        var groups = Chance(3) ? divisors[_random.Next(divisors.Length)] : 1;
        var window = Chance(3) ? PlanWindow.Square(1, Between(1, 2), Chance(4) ? Between(1, 2) : 0) : Window(x, Chance(4) ? 9 : 5, 2, padsBeyond: Chance(8));
        if (channels / groups * window.KernelHeight * window.KernelWidth >= MostProducts)
            window = PlanWindow.Square(1);
        var outputs = groups * Between(1, Math.Max(1, 50 / groups));
        return _builder.Convolution(
            x, Weights(outputs, channels / groups * window.KernelHeight * window.KernelWidth), window, groups, Quantization(), Bounds());
    }

    private TensorId Depthwise(TensorId x)
    {
        var channels = _builder.ShapeOf(x).Channels;
        var window = Chance(2) ? FittedSquare(x, 3) : Window(x, Chance(4) ? 9 : 5, 2, padsBeyond: Chance(8));
        var outputs = channels * (Chance(4) ? Between(2, 5) : 1);
        return _builder.Convolution(x, Weights(outputs, window.KernelHeight * window.KernelWidth), window, channels, Quantization(), Bounds());
    }

    private TensorId Elementwise(TensorId x)
    {
        var other = Chance(4) ? Constant(x)
            : Chance(3) ? _builder.GlobalAveragePool(x, Quantization())
            : Chance(2) ? _builder.Activation(x, v => -v, Quantization())
            : x;
        return Between(0, 2) switch
        {
            0 => _builder.Add(x, other, Quantization(), Bounds()),
            1 => _builder.Subtract(x, other, Quantization(), Bounds()),
            _ => _builder.Multiply(x, other, Quantization(), Bounds()),
        };
    }

    private TensorId Constant(TensorId x)
    {
        var shape = Chance(2) ? _builder.ShapeOf(x) : PlanShape.Flat(_builder.ShapeOf(x).Channels);
        var values = new byte[shape.Count];
        _random.NextBytes(values);
        return _builder.Constant(shape, values, Quantization());
    }

    private TensorId Concat(TensorId x)
    {
        var other = _builder.Activation(x, Math.Abs, Quantization());
        return _builder.Concat([x, other, x], (ConcatAxis)Between(0, 2), Quantization());
    }

    private PlanWindow FittedSquare(TensorId x, int kernel)
    {
        var shape = _builder.ShapeOf(x);
        var window = PlanWindow.Square(kernel, Between(1, 2), kernel / 2);
        return shape.Height + 2 >= kernel && shape.Width + 2 >= kernel ? window : PlanWindow.Square(1);
    }

    /// <param name="padsBeyond">Whether the window may lie on nothing but padding, as that of a convolution may.</param>
    private PlanWindow Window(TensorId x, int maxKernel, int maxDilation, bool padsBeyond = false)
    {
        var shape = _builder.ShapeOf(x);
        var (kh, sy, top, bottom, dy) = Axis(shape.Height, maxKernel, maxDilation, padsBeyond);
        var (kw, sx, left, right, dx) = Axis(shape.Width, maxKernel, maxDilation, padsBeyond);
        return new(kh, kw, sy, sx, top, left, bottom, right, dy, dx);
    }

    private (int Kernel, int Stride, int Before, int After, int Dilation) Axis(int size, int maxKernel, int maxDilation, bool padsBeyond)
    {
        while (true)
        {
            var (kernel, dilation) = (Between(1, maxKernel), Between(1, maxDilation));
            var extent = dilation * (kernel - 1) + 1;
            var most = padsBeyond ? 3 : Math.Min(3, extent - 1);
            var (before, after) = (Between(0, most), Between(0, most));
            if (size + before + after >= extent)
                return (kernel, Between(1, 3), before, after, dilation);
        }
    }

    private LayerWeights Weights(int outputs, int perOutput)
    {
        var values = new sbyte[outputs * perOutput];
        var extreme = Chance(5);
        // -128 once among others, or in most places: next to one another they are what 16 bits do not hold twice.
        var lowest = Pick(() => -127, () => -128);
        var low = extreme && Chance(2) ? 4 : 2;
        for (var i = 0; i < values.Length; i++)
            values[i] = (sbyte)(!extreme ? Between(lowest, 127) : Between(1, low) == 1 ? 127 : lowest);
        var scales = new float[outputs];
        var bias = new int[outputs];
        for (var m = 0; m < outputs; m++)
        {
            scales[m] = Chance(30) ? Pick(() => 1e-20f, () => 1e-38f, () => float.Epsilon) : (float)Math.Pow(2, _random.NextDouble() * 6 - 9) / MathF.Sqrt(perOutput);
            bias[m] = Chance(20) ? Between(-1_000_000, 1_000_000) : Between(-3000, 3000);
        }
        return new(values, scales, bias);
    }

    private Quantization Quantization() => new(
        Pick(() => 1f, () => 0.5f, () => (float)(0.01 + _random.NextDouble()), () => 1 / 255f),
        Pick(() => 0, () => 255, () => 128, () => Between(0, 255)));

    private ActivationBounds? Bounds()
    {
        var (a, b) = ((byte)Between(0, 255), (byte)Between(0, 255));
        return Chance(2) ? null : new ActivationBounds(Math.Min(a, b), Math.Max(a, b));
    }

    /// <summary>Inputs of all kinds: ordinary, halves (ties), huge, infinite and not a number.</summary>
    private float[] Values(int count)
    {
        var values = new float[count];
        var scale = Pick(() => 1f, () => 100f, () => 300f);
        for (var i = 0; i < count; i++)
            values[i] = Between(0, 99) switch
            {
                0 => float.NaN,
                1 => float.PositiveInfinity,
                2 => float.NegativeInfinity,
                3 => float.MaxValue,
                < 20 => Between(-200, 600) / 2f,
                _ => (float)(_random.NextDouble() * 2 - 0.7) * scale,
            };
        return values;
    }

    private T Pick<T>(params ReadOnlySpan<Func<T>> choices) => choices[_random.Next(choices.Length)]();

    /// <summary>Both ends included.</summary>
    private int Between(int low, int high) => _random.Next(low, high + 1);

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;
}
