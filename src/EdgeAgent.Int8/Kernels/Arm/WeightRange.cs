namespace EdgeAgent.Int8.Kernels.Arm;

/// <summary>What is known of a layer's weights where two products by activations, s8 [-128, 127], are added in int16.</summary>
internal interface IWeightRange
{
    /// <summary>Whether their sum always fits.</summary>
    static abstract bool TwoProductsFit { get; }
}

/// <summary>[-127, 127]: at most 2 * 128 * 127.</summary>
internal readonly struct SymmetricRange : IWeightRange
{
    public static bool TwoProductsFit => true;
}

/// <summary>-128 too: twice -128 * -128 is 2^15.</summary>
internal readonly struct FullRange : IWeightRange
{
    public static bool TwoProductsFit => false;
}
