namespace EdgeAgent.Int8.Plan;

/// <summary>What a tensor of a plan holds.</summary>
public enum PlanElement : byte
{
    /// <summary>Quantized activations.</summary>
    UInt8 = 0,

    /// <summary>Logits, probabilities or indices; <see cref="PlanTensor.Quantization"/> has no meaning.</summary>
    Float32 = 1,
}

/// <summary>One activation tensor of a plan, NHWC with a batch of one.</summary>
public sealed record PlanTensor(PlanShape Shape, PlanElement Element, Quantization Quantization);

/// <summary>Names a tensor of the plan that a <see cref="PlanBuilder"/> is building.</summary>
public readonly record struct TensorId(int Index);
