using System.Diagnostics;
using System.Runtime.InteropServices;

namespace EdgeAgent.Cli.Demo;

/// <summary>POSIX signals to other processes, which .NET can receive but not send.</summary>
internal static partial class Signal
{
    private const int Sigterm = 15;

    /// <summary>Asks a process to end; kills it where there are no signals.</summary>
    public static void Terminate(Process process)
    {
        if (OperatingSystem.IsWindows())
            process.Kill(entireProcessTree: true);
        else
            Kill(process.Id, Sigterm);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
