using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Costs;

/// <summary>What the cost model multiplies by a coefficient; the order is that of the vectors in <see cref="CostFeatures"/>.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<CostTerm>))]
public enum CostTerm
{
    /// <summary>1 per inference.</summary>
    Inference,

    /// <summary>Number of operators.</summary>
    Operator,

    /// <summary>Millions of MACs of convolutions with at most four input channels: the first layer.</summary>
    FirstMacs,

    /// <summary>Millions of MACs of other convolutions.</summary>
    ConvMacs,

    /// <summary>Millions of MACs of 1x1 convolutions.</summary>
    PointwiseMacs,

    /// <summary>Millions of MACs of depthwise convolutions.</summary>
    DepthwiseMacs,

    /// <summary>Millions of MACs of dense layers.</summary>
    DenseMacs,

    /// <summary>Millions of bytes of activations read and written.</summary>
    ActivationBytes,

    /// <summary>Millions of bytes of constants read.</summary>
    WeightBytes,
}

/// <summary>A model's operators as the vector that a cost model multiplies.</summary>
public static class CostFeatures
{
    public static readonly int Count = Enum.GetValues<CostTerm>().Length;

    /// <summary>Sums the operators into one entry per <see cref="CostTerm"/>.</summary>
    /// <remarks>
    /// Channels count in multiples of eight, as in the kernels' tiles: a convolution of 9 channels costs what one of
    /// 16 costs. Depthwise kernels have no inner dimension and are not rounded on it.
    /// </remarks>
    public static double[] Of(IReadOnlyList<OperatorCost> operators)
    {
        var features = new double[Count];
        features[(int)CostTerm.Inference] = 1;
        features[(int)CostTerm.Operator] = operators.Count;
        foreach (var op in operators)
        {
            features[(int)CostTerm.ActivationBytes] += op.ActivationBytes / 1e6;
            features[(int)CostTerm.WeightBytes] += op.WeightBytes / 1e6;
            if (op.Macs == 0)
                continue;
            var (term, padding) = op.Kind switch
            {
                OperatorKind.Depthwise => (CostTerm.DepthwiseMacs, Padding(Channels(op.OutputShape))),
                OperatorKind.Dense => (CostTerm.DenseMacs, Padding(Channels(op.OutputShape))),
                OperatorKind.Pointwise => (CostTerm.PointwiseMacs, Padding(Channels(op.OutputShape)) * Padding(Channels(op.InputShape))),
                OperatorKind.Conv when Channels(op.InputShape) <= 4 => (CostTerm.FirstMacs, Padding(Channels(op.OutputShape))),
                _ => (CostTerm.ConvMacs, Padding(Channels(op.OutputShape)) * Padding(Channels(op.InputShape))),
            };
            features[(int)term] += op.Macs * padding / 1e6;
        }
        return features;
    }

    private static int Channels(IReadOnlyList<int> shape) => shape.Count > 1 ? shape[1] : 1;

    private static double Padding(int channels) => (channels + 7) / 8 * 8.0 / Math.Max(1, channels);
}
