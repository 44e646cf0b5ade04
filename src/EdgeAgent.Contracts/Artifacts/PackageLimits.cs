namespace EdgeAgent.Contracts.Artifacts;

/// <summary>Bounds on everything a package may claim, checked before anything is allocated for it.</summary>
public static class PackageLimits
{
    public const int MaxEnvelopeBytes = 4 << 20;

    public const int MaxFiles = 16;

    public const long MaxFileBytes = 1L << 30;

    public const int MinChunkBytes = 4 << 10;

    public const int MaxChunkBytes = 128 << 10;

    public const int DefaultChunkBytes = 64 << 10;

    public const int MaxOperators = 10_000;

    public const int MaxLabels = 100_000;
}
