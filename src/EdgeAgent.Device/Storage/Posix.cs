using System.Runtime.InteropServices;

namespace EdgeAgent.Device.Storage;

/// <summary>The few system calls that .NET does not offer and that crash-safe storage needs.</summary>
internal static partial class Posix
{
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int SigKill = 9;
    private const int TimeError = 5;

    /// <summary>Bytes of the kernel's struct timex on 64-bit systems.</summary>
    private const int TimexBytes = 208;

    /// <summary>Replaces <paramref name="target"/> in one step; works on symbolic links themselves, which File.Move does not.</summary>
    public static void Rename(string source, string target)
    {
        if (RenameNative(source, target) != 0)
            throw LastError($"cannot rename {source} to {target}");
    }

    /// <summary>Makes the names in a folder durable: without it a rename may be undone by a power cut.</summary>
    public static void FlushDirectory(string path)
    {
        var descriptor = Open(path, ReadOnly | CloseOnExec);
        if (descriptor < 0)
            throw LastError($"cannot open {path}");
        try
        {
            if (Fsync(descriptor) != 0)
                throw LastError($"cannot flush {path}");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>Ends this process as a power cut would: no handler runs, no buffer is flushed.</summary>
    public static void KillSelf() => _ = Kill(Environment.ProcessId, SigKill);

    /// <summary>Whether the kernel says that the wall clock follows a time source; false where it may not be asked.</summary>
    public static bool IsClockSynchronised()
    {
        Span<byte> timex = stackalloc byte[TimexBytes];
        timex.Clear();
        var state = Adjtimex(ref MemoryMarshal.GetReference(timex));
        return state is >= 0 and not TimeError;
    }

    private static IOException LastError(string what) => new($"{what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameNative(string source, string target);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "adjtimex")]
    private static partial int Adjtimex(ref byte timex);
}
