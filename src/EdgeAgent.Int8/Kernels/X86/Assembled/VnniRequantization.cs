namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>The code of the rounding rule on the int32 lanes of registers 0, 1, ...</summary>
internal static class VnniRequantization
{
    public const int Multipliers = 12;
    private const int Low = 13;
    private const int High = 14;
    private const int ZeroPoint = 15;

    /// <summary>Every lane of three registers; the caller loads <see cref="Multipliers"/>.</summary>
    public static void Load(Assembler a, Address low, Address high, Address zero)
    {
        a.Broadcast(Low, low);
        a.Broadcast(High, high);
        a.Broadcast(ZeroPoint, zero);
    }

    /// <summary>Step by step over all registers, which do not depend on one another.</summary>
    public static void Apply(Assembler a, int registers)
    {
        for (var r = 0; r < registers; r++)
            a.ConvertToFloat(r, r);
        for (var r = 0; r < registers; r++)
            a.Multiply(r, r, Multipliers);
        for (var r = 0; r < registers; r++)
            a.Maximum(r, r, Low);
        for (var r = 0; r < registers; r++)
            a.Minimum(r, r, High);
        for (var r = 0; r < registers; r++)
            a.ConvertToInt32(r, r);
        for (var r = 0; r < registers; r++)
            a.AddInt32(r, r, ZeroPoint);
    }
}
