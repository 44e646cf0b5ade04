using System.Runtime.InteropServices;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>Memory for code: written first, then executable and never written again.</summary>
internal static unsafe partial class CodeMemory
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;

    /// <summary>
    /// The code's address for the rest of the process; null where the system has no such memory to give: another system than
    /// Linux, or a policy such as systemd's MemoryDenyWriteExecute.
    /// </summary>
    public static byte* Publish(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var memory = Map(null, (nuint)code.Length, Read | Write, PrivateAnonymous, -1, 0);
        if (memory == -1)
            return null;
        code.CopyTo(new((void*)memory, code.Length));
        return Protect(memory, (nuint)code.Length, Read | Execute) == 0 ? (byte*)memory : null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);
}
