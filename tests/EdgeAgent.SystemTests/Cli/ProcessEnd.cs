using System.Runtime.InteropServices;

namespace EdgeAgent.SystemTests.Cli;

/// <summary>Waits for the end of processes that are not our children, by Linux's own event for it.</summary>
internal static partial class ProcessEnd
{
    private const int PidFdOpen = 434;
    private const short Readable = 1;

    /// <summary>Completes when the process has ended, also when nobody has collected it yet; at once where it has gone already.</summary>
    public static async Task OfAsync(int process, CancellationToken cancellation)
    {
        var handle = (int)SystemCall(PidFdOpen, process, 0);
        if (handle < 0)
            return;
        try
        {
            var ended = Task.Factory.StartNew(() =>
            {
                var wait = new PollEntry { Handle = handle, Wanted = Readable };
                while (Poll(ref wait, 1, -1) < 0)
                    if (Marshal.GetLastPInvokeError() != Interrupted)
                        throw new InvalidOperationException($"poll failed with {Marshal.GetLastPInvokeError()}");
            }, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await ended.WaitAsync(cancellation);
        }
        finally
        {
            _ = Close(handle);
        }
    }

    private const int Interrupted = 4;

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Handle;
        public short Wanted, Seen;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, long first, long second);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollEntry entries, ulong count, int timeout);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
