namespace EdgeAgent.Int8.Plan;

/// <summary>What one operator of a plan costs and works on: for manifests, profiles and cost models.</summary>
/// <param name="Type">Conv, DepthwiseConv, Dense, Add, Sub, Mul, Concat, MaxPool, AveragePool, Pad, Table, Reshape, Constant, Quantize, Dequantize, Softmax or ArgMax.</param>
/// <param name="Window">Kernel, strides, pads and dilations, where the operator has them.</param>
/// <param name="Macs">Multiply-accumulates for one sample, padding included.</param>
/// <param name="WeightBytes">Bytes of constants read.</param>
/// <param name="ActivationBytes">Bytes of activations read and written, each once.</param>
public sealed record OperatorSummary(
    string Name,
    string Type,
    IReadOnlyList<PlanShape> Inputs,
    PlanShape Output,
    PlanWindow? Window,
    int Groups,
    long Macs,
    long WeightBytes,
    long ActivationBytes)
{
    internal static OperatorSummary Of(PlanOperator op, IReadOnlyList<PlanTensor> tensors)
    {
        var output = tensors[op.Output];
        var inputs = Array.ConvertAll(op.Inputs, i => tensors[i]);
        var activations = Bytes(output) + (op is QuantizeInput ? 4L * output.Shape.Count : 0);
        foreach (var input in inputs)
            activations += Bytes(input);
        var (type, window, groups, macs, weights) = op switch
        {
            Convolution c => (ConvolutionType(c, inputs[0].Shape, output.Shape), c.Window, c.Groups,
                (long)output.Shape.Pixels * c.Weights.Length, (long)c.Weights.Length + c.Scales.Length + c.Bias.Length),
            Elementwise e => (e.Kind switch { Arithmetic.Add => "Add", Arithmetic.Subtract => "Sub", _ => "Mul" }, default(PlanWindow?), 1, 0L, 0L),
            Concatenation => ("Concat", null, 1, 0, 0),
            MaxPooling m => ("MaxPool", m.Window, 1, 0, 0),
            AveragePooling a => ("AveragePool", a.Window, 1, 0, 0),
            Padding => ("Pad", null, 1, 0, 0),
            TableLookup => ("Table", null, 1, 0, 256),
            Reshaping => ("Reshape", null, 1, 0, 0),
            ConstantTensor c => ("Constant", null, 1, 0, c.Values.Length),
            QuantizeInput => ("Quantize", null, 1, 0, 0),
            Dequantization => ("Dequantize", null, 1, 0, 0),
            SoftmaxHead => ("Softmax", null, 1, 0, 0),
            ArgMaxHead => ("ArgMax", null, 1, 0, 0),
            _ => throw new InvalidOperationException($"no summary for {op.GetType().Name}"),
        };
        return new(op.Name, type, Array.ConvertAll(inputs, t => t.Shape), output.Shape, window, groups, macs, weights, activations);
    }

    private static string ConvolutionType(Convolution c, PlanShape input, PlanShape output) =>
        c.Groups > 1 && c.Groups == input.Channels && c.Groups == output.Channels ? "DepthwiseConv"
        : output.Pixels == 1 && c.Groups == 1 && c.Window == PlanWindow.Whole(input) ? "Dense"
        : "Conv";

    private static long Bytes(PlanTensor t) => (long)t.Shape.Count * (t.Element == PlanElement.Float32 ? 4 : 1);
}
