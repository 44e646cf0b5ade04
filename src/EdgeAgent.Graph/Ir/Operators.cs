namespace EdgeAgent.Graph.Ir;

/// <summary>
/// What a node computes. Tensors are NCHW (or NCW); attributes follow ONNX's definitions of the operator of the same
/// name, with defaults filled in at import. Inputs that ONNX passes as constant tensors but that are structure
/// (axes, target shapes, pads, clip bounds) are attributes here.
/// </summary>
public abstract record Operator
{
    /// <summary>The name under which errors, reports and <c>inspect</c> show the operator.</summary>
    public string Type => GetType().Name;
}

/// <summary>A function of one variable, element by element: float32 to float32 of the same shape.</summary>
public abstract record UnaryOperator : Operator;

/// <summary>Arithmetic of two operands of one type, element by element, with NumPy's broadcasting.</summary>
public abstract record BinaryOperator : Operator;

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

public sealed record ReduceMean(int[] Axes, bool KeepDims) : Operator;

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
