using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace EdgeAgent.SystemTests.Device;

/// <summary>A running <c>edge-agent</c>; killed at the latest when it is disposed.</summary>
internal sealed class AgentProcess : IAsyncDisposable
{
    /// <summary>Longer than anything here takes on a loaded machine; ends a test that would hang.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly StringBuilder _error = new();

    private AgentProcess(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_error)
                _error.Append(line.Data).Append('\n');
        };
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public string Error
    {
        get
        {
            lock (_error)
                return _error.ToString();
        }
    }

    public static AgentProcess Start(AgentProgram program, IEnumerable<string> arguments, string? fault = null)
    {
        var start = new ProcessStartInfo(program.File) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in program.Before.Concat(arguments))
            start.ArgumentList.Add(argument);
        start.Environment.Remove("EDGE_AGENT_FAULT");
        if (fault is not null)
            start.Environment["EDGE_AGENT_FAULT"] = fault;
        return new AgentProcess(Process.Start(start)!);
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>Exit code, 128 + signal where a signal ended it.</returns>
    public async Task<int> ExitAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <summary>Asks it to stop, as systemd does.</summary>
    public async Task<int> StopAsync()
    {
        _ = Kill(_process.Id, SigTerm);
        return await ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
