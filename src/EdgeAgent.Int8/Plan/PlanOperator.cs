namespace EdgeAgent.Int8.Plan;

/// <summary>Bytes of the plan's constant section that an operator refers to.</summary>
internal readonly record struct Constant(int Offset, int Length);

/// <summary>
/// One step of a plan. Inputs and output are indices of tensors; the formula each computes is in the README of
/// EdgeAgent.Int8.
/// </summary>
internal abstract record PlanOperator(string Name, int[] Inputs, int Output);

/// <summary>Float input of the model, [C, H, W], to u8: clamp(rne(x / s) + z).</summary>
internal sealed record QuantizeInput(string Name, int Output) : PlanOperator(Name, [], Output);

/// <summary>A tensor that is the same in every run, u8 [H][W][C].</summary>
internal sealed record ConstantTensor(string Name, int Output, Constant Values) : PlanOperator(Name, [], Output);

/// <summary>
/// Convolution, depthwise convolution or dense layer. Weights s8 [M][kh][kw][C / groups], scales float32 [M], bias
/// int32 [M]. A Float32 output makes it a head: accumulators are dequantized, bounds are not used.
/// </summary>
internal sealed record Convolution(
    string Name, int[] Inputs, int Output, PlanWindow Window, int Groups, ActivationBounds Bounds,
    Constant Weights, Constant Scales, Constant Bias) : PlanOperator(Name, Inputs, Output);

internal enum Arithmetic : byte
{
    Add = 0,
    Subtract = 1,
    Multiply = 2,
}

/// <summary>Two tensors of one shape, or the second [1, 1, C] and repeated over the pixels of the first.</summary>
internal sealed record Elementwise(string Name, int[] Inputs, int Output, Arithmetic Kind, ActivationBounds Bounds)
    : PlanOperator(Name, Inputs, Output);

/// <summary>Axis of <see cref="PlanBuilder.Concat"/>.</summary>
public enum ConcatAxis : byte
{
    Height = 0,
    Width = 1,
    Channels = 2,
}

internal sealed record Concatenation(string Name, int[] Inputs, int Output, ConcatAxis Axis) : PlanOperator(Name, Inputs, Output);

/// <summary>Input and output share one quantization.</summary>
internal sealed record MaxPooling(string Name, int[] Inputs, int Output, PlanWindow Window) : PlanOperator(Name, Inputs, Output);

internal sealed record AveragePooling(
    string Name, int[] Inputs, int Output, PlanWindow Window, bool CountIncludePad, ActivationBounds Bounds)
    : PlanOperator(Name, Inputs, Output);

/// <summary>Constant border around height and width; the value is quantized like the tensor.</summary>
internal sealed record Padding(string Name, int[] Inputs, int Output, int Top, int Left, int Bottom, int Right, byte Value)
    : PlanOperator(Name, Inputs, Output);

/// <summary>y = table[x]: every activation of one variable, and requantization.</summary>
internal sealed record TableLookup(string Name, int[] Inputs, int Output, Constant Table) : PlanOperator(Name, Inputs, Output);

/// <summary>Another shape over the same elements in [C, H, W] order, u8 or Float32.</summary>
internal sealed record Reshaping(string Name, int[] Inputs, int Output) : PlanOperator(Name, Inputs, Output);

/// <summary>u8 to Float32: (q - z) * s.</summary>
internal sealed record Dequantization(string Name, int[] Inputs, int Output) : PlanOperator(Name, Inputs, Output);

/// <summary>Softmax over the channels of every pixel of a Float32 tensor.</summary>
internal sealed record SoftmaxHead(string Name, int[] Inputs, int Output) : PlanOperator(Name, Inputs, Output);

/// <summary>The index of the first largest channel of every pixel of a Float32 tensor, as Float32 [H, W, 1].</summary>
internal sealed record ArgMaxHead(string Name, int[] Inputs, int Output) : PlanOperator(Name, Inputs, Output);
