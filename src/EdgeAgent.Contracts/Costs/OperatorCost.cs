using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Costs;

/// <summary>Operators as far as their cost is concerned.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<OperatorKind>))]
public enum OperatorKind
{
    /// <summary>A convolution with a window larger than 1x1, groups 1 or several channels a group.</summary>
    Conv,

    /// <summary>A 1x1 convolution.</summary>
    Pointwise,

    /// <summary>One channel a group.</summary>
    Depthwise,

    /// <summary>A matrix product with constant weights.</summary>
    Dense,

    /// <summary>Everything that only moves or combines activations: add, concat, pools, activations.</summary>
    Elementwise,
}

/// <summary>One operator of a compiled model with what determines its cost, at batch 1.</summary>
/// <param name="Name">Name of the node.</param>
/// <param name="Type">Name of the operator for people, for example <c>Conv</c> or <c>Add</c>.</param>
/// <param name="Kind">Class by which the cost model counts it.</param>
/// <param name="InputShape">Of the first input, NCHW with N = 1.</param>
/// <param name="OutputShape">NCHW with N = 1.</param>
/// <param name="Macs">Multiply-accumulates.</param>
/// <param name="WeightBytes">Bytes of constants read.</param>
/// <param name="ActivationBytes">Bytes of activations read and written.</param>
public sealed record OperatorCost(
    string Name,
    string Type,
    OperatorKind Kind,
    IReadOnlyList<int> InputShape,
    IReadOnlyList<int> OutputShape,
    long Macs,
    long WeightBytes,
    long ActivationBytes);
