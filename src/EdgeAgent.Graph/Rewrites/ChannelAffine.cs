using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>A node that computes x * factor + offset channel by channel (axis 1): batch-norm, or arithmetic with a constant.</summary>
/// <param name="Input">The name of x.</param>
/// <param name="Factors">[C]</param>
/// <param name="Offsets">[C]</param>
internal sealed record ChannelAffine(string Input, double[] Factors, double[] Offsets)
{
    /// <summary><paramref name="node"/> as an affine map over <paramref name="channels"/> channels of a value of that rank; null if it is none.</summary>
    public static ChannelAffine? Of(Node node, int channels, int rank, IReadOnlyDictionary<string, Tensor> constants)
    {
        // Where the steps of a sequence come first, axis 1 is the batch.
        if (channels < 1)
            return null;
        if (node.Op is BatchNormalization normalization)
        {
            if (!node.Inputs.Skip(1).All(constants.ContainsKey))
                return null;
            var p = node.Inputs.Skip(1).Select(i => constants[i].Floats).ToArray();
            var (factors, offsets) = Normalization.Affine(normalization.Epsilon, p[0], p[1], p[2], p[3]);
            return new(node.Inputs[0], factors, offsets);
        }
        if (node.Op is not (Add or Sub or Mul or Div))
            return null;
        var second = constants.ContainsKey(node.Inputs[1]);
        if (second == constants.ContainsKey(node.Inputs[0]) || node.Op is Div && !second)
            return null;
        var (input, constant) = second ? (node.Inputs[0], node.Inputs[1]) : (node.Inputs[1], node.Inputs[0]);
        if (PerChannel(constants[constant], channels, rank) is not { } c)
            return null;
        var (ones, zeros) = (Enumerable.Repeat(1.0, channels).ToArray(), new double[channels]);
        return node.Op switch
        {
            Add => new(input, ones, c),
            Sub when second => new(input, ones, Array.ConvertAll(c, v => -v)),
            Sub => new(input, Array.ConvertAll(ones, v => -v), c),
            Mul => new(input, c, zeros),
            _ when Array.TrueForAll(c, v => v != 0) => new(input, Array.ConvertAll(c, v => 1 / v), zeros),
            _ => null,
        };
    }

    /// <summary>This map after <paramref name="first"/>.</summary>
    public ChannelAffine After(ChannelAffine first) => new(
        first.Input,
        [.. Factors.Zip(first.Factors, (a, b) => a * b)],
        [.. Factors.Select((f, c) => f * first.Offsets[c] + Offsets[c])]);

    /// <summary>A constant that varies along axis 1 only, as one value for each channel.</summary>
    public static double[]? PerChannel(Tensor tensor, int channels, int rank)
    {
        if (tensor.Type != ElementType.Float32 || tensor.Shape.Length > rank)
            return null;
        if (tensor.Count == 1)
            return Enumerable.Repeat((double)tensor.Floats[0], channels).ToArray();
        // Aligned at the end, axis 1 of the value is this axis of the constant.
        var axis = 1 - (rank - tensor.Shape.Length);
        return tensor.Count == channels && axis >= 0 && tensor.Shape[axis] == channels ? Array.ConvertAll(tensor.Floats, v => (double)v) : null;
    }
}
