namespace EdgeAgent.Device.Storage;

/// <summary>The folder that is a device's memory, locked by one running agent.</summary>
/// <remarks>
/// <c>device.json</c> who it is · <c>desired.json</c> what it was last asked to run · <c>deployments/MODEL.json</c> where
/// each deployment stands · <c>content/</c> files by digest · <c>models/MODEL/{a,b,current}</c> slots · <c>spool/</c>
/// reports · <c>clock-floor</c> the latest time ever seen · <c>roofline.json</c> the peaks of the core.
/// </remarks>
internal sealed class StateDirectory : IDisposable
{
    public const string IdentityName = "device.json";

    private readonly FileStream _lock;

    private StateDirectory(string path, FileStream @lock) => (Root, _lock) = (path, @lock);

    public string Root { get; }

    public string Identity => Path.Combine(Root, IdentityName);

    public string Desired => Path.Combine(Root, "desired.json");

    public string ClockFloor => Path.Combine(Root, "clock-floor");

    public string Roofline => Path.Combine(Root, "roofline.json");

    public string Deployments => Path.Combine(Root, "deployments");

    public string Content => Path.Combine(Root, "content");

    public string Models => Path.Combine(Root, "models");

    public string Spool => Path.Combine(Root, "spool");

    /// <exception cref="AgentException">It cannot be written, or another agent runs on it.</exception>
    public static StateDirectory Open(string path)
    {
        path = Path.GetFullPath(path);
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(path);
            held = new FileStream(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var state = new StateDirectory(path, held);
            foreach (var folder in (string[])[state.Deployments, state.Content, state.Models, state.Spool])
                Directory.CreateDirectory(folder);
            DurableFile.Write(Path.Combine(path, "writable"), "ok\n"u8);
            return state;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new AgentException(IsHeld(path, e)
                ? $"state folder {path} is in use by another edge-agent; stop it, or give this one a folder of its own with --state"
                : $"state folder {path} cannot be written ({e.Message.ReplaceLineEndings(" ")}); give a writable folder with --state", e);
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>A lock that is held shows as an IOException on a file that exists and may be read.</summary>
    private static bool IsHeld(string path, Exception e) =>
        e is IOException and not (DirectoryNotFoundException or FileNotFoundException or PathTooLongException)
        && e.Message.Contains("being used by another process", StringComparison.Ordinal) && File.Exists(Path.Combine(path, "lock"));
}
