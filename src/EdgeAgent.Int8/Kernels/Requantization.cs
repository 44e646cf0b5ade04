namespace EdgeAgent.Int8.Kernels;

/// <summary>
/// The one rounding rule: y = clamp(rne(v), lo - z, hi - z) + z, where v is float32. v is clamped before it is
/// converted, so the conversion cannot overflow; the bounds are whole numbers, so the order makes no difference.
/// </summary>
internal readonly struct Requantization(int zero, byte low, byte high)
{
    public int Zero { get; } = zero;

    public float Low { get; } = low - zero;

    public float High { get; } = high - zero;

    /// <summary>Written so that a NaN (only a float input can be one) becomes the lower bound.</summary>
    public byte Round(float v)
    {
        v = v > Low ? v : Low;
        v = v < High ? v : High;
        return (byte)((int)MathF.Round(v, MidpointRounding.ToEven) + Zero);
    }

    /// <summary>The factor of a tensor's integers on their way to another scale, the quotient taken in float64.</summary>
    public static float Ratio(double from, double to) => (float)(from / to);
}
