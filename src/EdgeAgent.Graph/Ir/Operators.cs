namespace EdgeAgent.Graph.Ir;

/// <summary>
/// What a node computes. Tensors are NCHW (or NCW); attributes follow ONNX's definitions of the operator of the same
/// name, with defaults filled in at import. Inputs that ONNX passes as constant tensors but that are structure
/// (axes, target shapes, pads, clip bounds) are attributes here.
/// </summary>
public abstract record Operator
{
    /// <summary>The name under which errors, reports and <c>inspect</c> show the operator.</summary>
    public virtual string Type => GetType().Name;
}

/// <summary>A function of one variable, element by element: float32 to float32 of the same shape.</summary>
public abstract record UnaryOperator : Operator;

/// <summary>Arithmetic of two operands of one type, element by element, with NumPy's broadcasting.</summary>
public abstract record BinaryOperator : Operator;

/// <summary>Comparison of two operands of one type to a bool, element by element, with NumPy's broadcasting.</summary>
public abstract record ComparisonOperator : Operator;

/// <summary>Two bools to one, element by element, with NumPy's broadcasting.</summary>
public abstract record LogicalOperator : Operator;

/// <summary>Elements along some axes become one; without <c>KeepDims</c> the axes go.</summary>
public abstract record ReduceOperator(int[] Axes, bool KeepDims) : Operator;

/// <summary>A window over the spatial axes: all arrays have one entry per axis, <c>Pads</c> begins then ends.</summary>
public readonly record struct Window(int[] Kernel, int[] Strides, int[] Pads, int[] Dilations)
{
    public static Window Of(int kernel, int stride = 1, int pad = 0) =>
        new([kernel, kernel], [stride, stride], [pad, pad, pad, pad], [1, 1]);

    /// <summary>
    /// Pads with which the output has ceil(input / stride) positions along every axis; an odd one goes to the end, or with
    /// <paramref name="atStart"/> to the beginning.
    /// </summary>
    public static int[] SamePads(ReadOnlySpan<int> input, int[] kernel, int[] strides, int[] dilations, bool atStart = false)
    {
        var pads = new int[2 * kernel.Length];
        for (var i = 0; i < kernel.Length; i++)
        {
            long outputs = (input[i] + (long)strides[i] - 1) / strides[i];
            var total = (int)Math.Clamp((outputs - 1) * strides[i] + (kernel[i] - 1L) * dilations[i] + 1 - input[i], 0, int.MaxValue);
            var (small, large) = (total / 2, total - total / 2);
            (pads[i], pads[i + kernel.Length]) = atStart ? (large, small) : (small, large);
        }
        return pads;
    }

    /// <summary>Size of the output along spatial axis <paramref name="axis"/>.</summary>
    public int OutputSize(int axis, int input, bool ceil = false)
    {
        var span = input + Pads[axis] + Pads[axis + Kernel.Length] - Dilations[axis] * (Kernel[axis] - 1) - 1;
        var size = (ceil ? (span + Strides[axis] - 1) / Strides[axis] : span / Strides[axis]) + 1;
        // ONNX: with ceil_mode a last window that starts in the end padding is dropped.
        if (ceil && (size - 1) * Strides[axis] >= input + Pads[axis])
            size--;
        return size;
    }
}

/// <summary>Inputs: x [N,C,...], w [M,C/groups,...], optional b [M].</summary>
public sealed record Conv(Window Window, int Groups) : Operator;

/// <summary>
/// The gradient of a convolution, used to enlarge images: every input element adds its multiple of the kernel to the output.
/// Inputs: x [N,C,...], w [C,M/groups,...], optional b [M]. The pads of the window are cut off the output.
/// </summary>
/// <param name="OutputPads">One for each axis: added to the end of the output, where only some kernels reach.</param>
public sealed record ConvTranspose(Window Window, int Groups, int[] OutputPads) : Operator
{
    public int OutputSize(int axis, int input) =>
        checked((int)((input - 1L) * Window.Strides[axis] + (Window.Kernel[axis] - 1L) * Window.Dilations[axis] + 1
            - Window.Pads[axis] - Window.Pads[axis + Window.Kernel.Length] + OutputPads[axis]));
}

/// <summary>Inputs: a, b, optional c. y = alpha * A * B + beta * C, with A and B transposed as the flags say.</summary>
public sealed record Gemm(float Alpha, float Beta, bool TransposeA, bool TransposeB) : Operator;

public sealed record MatMul : Operator;

/// <summary>Inputs: x, scale, bias, mean, variance, each [C]. Inference form.</summary>
public sealed record BatchNormalization(float Epsilon) : Operator;

public sealed record Relu : UnaryOperator;

public sealed record Clip(float Min, float Max) : UnaryOperator;

public sealed record LeakyRelu(float Alpha) : UnaryOperator;

public sealed record Sigmoid : UnaryOperator;

public sealed record HardSigmoid(float Alpha, float Beta) : UnaryOperator;

public sealed record HardSwish : UnaryOperator;

public sealed record Tanh : UnaryOperator;

public sealed record Add : BinaryOperator;

public sealed record Sub : BinaryOperator;

public sealed record Mul : BinaryOperator;

public sealed record Div : BinaryOperator;

public sealed record Concat(int Axis) : Operator;

public sealed record MaxPool(Window Window, bool CeilMode) : Operator;

public sealed record AveragePool(Window Window, bool CeilMode, bool CountIncludePad) : Operator;

public sealed record GlobalAveragePool : Operator;

public sealed record GlobalMaxPool : Operator;

public sealed record ReduceMean(int[] Axes, bool KeepDims) : ReduceOperator(Axes, KeepDims);

public sealed record Flatten(int Axis) : Operator;

/// <summary><c>Shape</c> as ONNX has it: 0 copies the input's size, one entry may be -1.</summary>
public sealed record Reshape(long[] Shape) : Operator;

public sealed record Transpose(int[] Permutation) : Operator;

/// <summary>Constant padding: begins of all axes, then ends.</summary>
public sealed record Pad(int[] Pads, float Value) : Operator;

public sealed record Softmax(int Axis) : Operator;

public sealed record Identity : Operator;

/// <summary>
/// Inputs: x, scale, zero point; <c>Axis</c> counts only where scale is one-dimensional. ONNX rounds ties to even,
/// TensorFlow Lite away from zero; the int8 engine always to even, which differs where an average lies in the middle.
/// </summary>
public sealed record QuantizeLinear(int Axis, bool TiesAwayFromZero = false) : Operator;

/// <summary>Inputs: x, scale, zero point; <c>Axis</c> counts only where scale is one-dimensional.</summary>
public sealed record DequantizeLinear(int Axis) : Operator;

public sealed record Abs : UnaryOperator;

public sealed record Ceil : UnaryOperator;

public sealed record Cos : UnaryOperator;

public sealed record Elu(float Alpha) : UnaryOperator;

public sealed record Erf : UnaryOperator;

public sealed record Exp : UnaryOperator;

public sealed record Floor : UnaryOperator;

public sealed record Log : UnaryOperator;

public sealed record Neg : UnaryOperator;

public sealed record Reciprocal : UnaryOperator;

/// <summary>To the nearest whole number, ties to even.</summary>
public sealed record Round : UnaryOperator;

public sealed record Selu(float Alpha, float Gamma) : UnaryOperator;

public sealed record Sign : UnaryOperator;

public sealed record Sin : UnaryOperator;

public sealed record Softplus : UnaryOperator;

public sealed record Softsign : UnaryOperator;

public sealed record Sqrt : UnaryOperator;

public sealed record ThresholdedRelu(float Alpha) : UnaryOperator;

public sealed record Max : BinaryOperator;

public sealed record Min : BinaryOperator;

public sealed record Pow : BinaryOperator;

/// <summary>Inputs: x, slope, which broadcasts to x.</summary>
public sealed record PRelu : BinaryOperator;

public sealed record Equal : ComparisonOperator;

public sealed record Greater : ComparisonOperator;

public sealed record GreaterOrEqual : ComparisonOperator;

public sealed record Less : ComparisonOperator;

public sealed record LessOrEqual : ComparisonOperator;

public sealed record And : LogicalOperator;

public sealed record Or : LogicalOperator;

public sealed record Xor : LogicalOperator;

public sealed record Not : Operator;

/// <summary>Inputs: condition (bool), x, y; all three broadcast.</summary>
public sealed record Where : Operator;

/// <summary>Float to integer truncates; to bool it is true unless 0.</summary>
public sealed record Cast(ElementType To) : Operator;

public sealed record ReduceSum(int[] Axes, bool KeepDims) : ReduceOperator(Axes, KeepDims);

public sealed record ReduceMax(int[] Axes, bool KeepDims) : ReduceOperator(Axes, KeepDims);

public sealed record ReduceMin(int[] Axes, bool KeepDims) : ReduceOperator(Axes, KeepDims);

public sealed record ReduceProd(int[] Axes, bool KeepDims) : ReduceOperator(Axes, KeepDims);

/// <summary>Index (int64) of the first largest element along an axis.</summary>
public sealed record ArgMax(int Axis, bool KeepDims) : Operator;

/// <summary>
/// For each of <c>Axes</c> the elements from start to end (exclusive) by a step, with NumPy's meaning of negative numbers;
/// <see cref="int.MaxValue"/> is the end, whatever the size.
/// </summary>
public sealed record StridedSlice(int[] Starts, int[] Ends, int[] Axes, int[] Steps) : Operator
{
    public override string Type => "Slice";
}

/// <summary>Inputs: data, indices (int32 or int64, negative ones from the end): an embedding is one along axis 0.</summary>
public sealed record Gather(int Axis) : Operator;

/// <summary>Broadcasts to <c>Shape</c>, in which 1 keeps the input's size.</summary>
public sealed record Expand(long[] Shape) : Operator;

public sealed record LogSoftmax(int Axis) : Operator;

/// <summary>Inputs: x, scale, optional bias, which have the shape of x from <c>Axis</c> on. To mean 0 and variance 1 over these axes.</summary>
public sealed record LayerNormalization(int Axis, float Epsilon) : Operator;

/// <summary>How a position of the output of <see cref="Resize"/> becomes one of the input.</summary>
public enum ResizeCoordinates
{
    /// <summary>(i + 0.5) / scale - 0.5</summary>
    HalfPixel,

    /// <summary>The same; 0 where the output has one element.</summary>
    PytorchHalfPixel,

    /// <summary>i / scale</summary>
    Asymmetric,

    /// <summary>First and last elements lie on one another.</summary>
    AlignCorners,
}

/// <summary>How a position between two elements becomes one of them.</summary>
public enum ResizeRounding
{
    /// <summary>Linear interpolation, no rounding.</summary>
    Linear,
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// <summary>
/// Images of another height and width. <c>Scales</c> are those that the model states; where it states sizes, they are
/// output size / input size.
/// </summary>
public sealed record Resize(int[] Sizes, float[] Scales, ResizeCoordinates Coordinates, ResizeRounding Rounding) : Operator;

public enum RecurrentDirection
{
    Forward,
    Reverse,
    Bidirectional,
}

/// <summary>
/// A recurrent layer over x [time, batch, inputs], as ONNX defines it. Inputs: x, w [D, gates * H, inputs], r [D, gates * H, H],
/// optional b [D, 2 * gates * H], sequence lengths [batch] (int32) and initial state [D, batch, H]. Outputs: all states
/// [time, D, batch, H] and the last one [D, batch, H]. D is the number of directions.
/// </summary>
/// <param name="Hidden">H</param>
/// <param name="Activations">For each direction in turn, in the order of ONNX: Sigmoid, Tanh, Relu or HardSigmoid.</param>
public abstract record RecurrentOperator(int Hidden, RecurrentDirection Direction, string[] Activations) : Operator
{
    /// <summary>Rows of the weights are this many times H.</summary>
    public abstract int Gates { get; }

    public int Directions => Direction == RecurrentDirection.Bidirectional ? 2 : 1;

    public override string Type => GetType().Name.ToUpperInvariant();
}

/// <summary>Gates i, o, f, c. Two more inputs: initial cell state [D, batch, H] and peepholes [D, 3 * H] (i, o, f); one more output: the last cell state.</summary>
public sealed record Lstm(int Hidden, RecurrentDirection Direction, string[] Activations) : RecurrentOperator(Hidden, Direction, Activations)
{
    public override int Gates => 4;
}

/// <summary>Gates z, r, h.</summary>
/// <param name="LinearBeforeReset">The reset gate applies to the recurrent product with its bias, as in Keras and cuDNN.</param>
public sealed record Gru(int Hidden, RecurrentDirection Direction, string[] Activations, bool LinearBeforeReset) : RecurrentOperator(Hidden, Direction, Activations)
{
    public override int Gates => 3;
}

/// <summary>One gate: h' = f(W x + R h + b).</summary>
public sealed record Rnn(int Hidden, RecurrentDirection Direction, string[] Activations) : RecurrentOperator(Hidden, Direction, Activations)
{
    public override int Gates => 1;
}
