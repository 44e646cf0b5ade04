namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>The permutations between N x ... x C and N x C x ..., and where an axis goes.</summary>
internal static class PlanarAxes
{
    public static int[] ToPlanar(int rank) => [0, rank - 1, .. Enumerable.Range(1, rank - 2)];

    public static int[] FromPlanar(int rank) => [0, .. Enumerable.Range(2, rank - 2), 1];

    /// <summary>The planar axis of axis <paramref name="axis"/> (not negative) of a value of that rank.</summary>
    public static int Of(int axis, int rank) => axis == 0 ? 0 : axis == rank - 1 ? 1 : axis + 1;

    /// <summary>A planar shape as the model has it.</summary>
    public static int[] Original(int[] planar) => Array.ConvertAll(FromPlanar(planar.Length), a => planar[a]);
}
