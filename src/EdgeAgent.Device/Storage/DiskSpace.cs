namespace EdgeAgent.Device.Storage;

/// <summary>Free space where a path lies.</summary>
internal static class DiskSpace
{
    /// <summary>Kept free so that the device's own state can always be written.</summary>
    public const long MarginBytes = 16L << 20;

    public static long FreeBytes(string path) => new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace;
}
